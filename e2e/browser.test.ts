import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import {
  accessibilityProblems,
  chromiumPath,
  keepScreenshot,
  launchBrowser,
  openPage,
} from "./testing/browser.ts";
import { freePort, repository, runProgram, type RunningProgram } from "./testing/run-program.ts";

const skip = chromiumPath === null ? "Chromium was not found" : false;

/** The sample's own configuration made short, so that a training takes seconds; it hides the built-in one. */
const shortDemo = {
  model_type: "full",
  model_family: "pixel-denoiser",
  seed: 7,
  resolution: 16,
  train_batch_size: 4,
  max_train_steps: 60,
  learning_rate: 0.005,
  checkpointing_steps: 30,
  validation_steps: 20,
  validation_num_inference_steps: 4,
  num_validation_images: 2,
};
const datasets = [
  {
    id: "lighthouse-coast",
    type: "local",
    dataset_type: "image",
    instance_data_dir: join(repository, "samples", "lighthouse-coast"),
    caption_strategy: "textfile",
  },
];

describe("the web UI in a real browser", { skip }, () => {
  let folder: string;
  let port: number;
  let url: string;
  let server: RunningProgram;
  let browser: Browser;

  const startServer = async (): Promise<void> => {
    server = runProgram(process.execPath, [
      join(repository, "dist", "cli.js"),
      "server",
      "--port",
      String(port),
      "--state-dir",
      join(folder, "state"),
    ]);
    for (let tries = 0; tries < 200; tries++) {
      if (
        await fetch(`${url}/health`).then(
          (answer) => answer.ok,
          () => false,
        )
      )
        return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the server did not start: ${server.output()}`);
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "simpletuner browser "));
    port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const config = join(folder, "state", "config", "demo");
    await mkdir(config, { recursive: true });
    await writeFile(join(config, "config.json"), JSON.stringify(shortDemo));
    await writeFile(join(config, "multidatabackend.json"), JSON.stringify(datasets));
    await startServer();
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("takes a newcomer from the first screen to a finished model", async () => {
    const { page, problems } = await openPage(browser, url);
    await page.goto("/");
    await keepScreenshot(page, "first-run");
    await page.getByRole("button", { name: "Run the sample training" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("lighthouse-coast").first().waitFor();
    await keepScreenshot(page, "consent");
    await dialog.getByRole("button", { name: "Upload and start" }).click();
    await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/, { timeout: 30_000 });
    await page.getByRole("main").getByText("Completed").first().waitFor({ timeout: 90_000 });
    await page.getByText("Your model is here").waitFor();
    await keepScreenshot(page, "completed");
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: /Download model/ }).click();
    assert.match((await download).suggestedFilename(), /\.safetensors$/);
    await page.getByRole("link", { name: /^Samples/ }).click();
    await page.locator("main img").first().waitFor();
    await page.getByRole("link", { name: "Charts", exact: true }).first().click();
    await page.locator("canvas").first().waitFor();
    await page.getByRole("link", { name: "Log", exact: true }).click();
    await page
      .getByText(/step 60\/60/i)
      .first()
      .waitFor();
    await page.getByRole("link", { name: /^Files/ }).click();
    await page.getByRole("link", { name: "pytorch_lora_weights.safetensors", exact: true }).click();
    await page.getByRole("dialog").getByText("Parameters").first().waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "Download step 60 as zip" }).waitFor();
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  for (const look of [
    {
      name: "light, wide, English",
      colorScheme: "light",
      viewport: { width: 1440, height: 900 },
      language: "en",
    },
    {
      name: "dark, phone, Hindi",
      colorScheme: "dark",
      viewport: { width: 390, height: 844 },
      language: "hi",
    },
  ] as const) {
    it(`has no accessibility violation and no sideways scroll: ${look.name}`, async () => {
      const { name, ...options } = look;
      const { page, problems } = await openPage(browser, url, options);
      const { jobs } = (await (await fetch(`${url}/api/cloud/jobs`)).json()) as {
        jobs: { job_id: string }[];
      };
      const job = `/jobs/${jobs[0]?.job_id ?? "missing"}`;
      for (const path of [
        "/",
        "/jobs",
        "/jobs/new",
        "/queue",
        "/configs",
        "/configs/versions",
        "/settings",
        "/settings/backups",
        "/settings/health",
        "/settings/metrics",
        "/settings/rate-limits",
        "/providers",
        "/providers/replicate",
        job,
        `${job}?tab=charts`,
        `${job}?tab=samples`,
        `${job}?tab=logs`,
        `${job}?tab=files`,
        `${job}?tab=files&file=pytorch_lora_weights.safetensors`,
        `${job}?tab=config`,
        `${job}?tab=events`,
        "/nowhere",
      ]) {
        await page.goto(path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page.waitForLoadState("load");
        assert.deepEqual(await accessibilityProblems(page), [], `${path} in ${name}`);
        const overflow = await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        assert.equal(overflow, 0, `${path} scrolls sideways by ${overflow} px in ${name}`);
        await keepScreenshot(
          page,
          `${look.language}-${look.viewport.width}-${path.replaceAll(/[^a-z]+/g, "-")}`,
        );
      }
      assert.deepEqual(problems, []);
      await page.context().close();
    });
  }

  it("names a dataset folder that is not there beside the plan", async () => {
    const { page } = await openPage(browser, url);
    const missing = join(folder, "not there");
    await fetch(`${url}/api/configs/broken`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        config: shortDemo,
        dataloader_config: [{ id: "lost", type: "local", instance_data_dir: missing }],
      }),
    });
    await page.goto("/jobs/new?config=broken");
    await page.getByText(`the folder ${missing} does not exist`).first().waitFor({ timeout: 20_000 });
    await page.context().close();
  });

  it("says that the connection is lost and recovers by itself, without a reload", async () => {
    const { page } = await openPage(browser, url);
    await page.goto("/jobs");
    await page.getByText("Live", { exact: true }).first().waitFor();
    await page.evaluate("globalThis.notReloaded = true");
    await server[Symbol.asyncDispose]();
    await page
      .getByText(/connection/i)
      .first()
      .waitFor({ timeout: 10_000 });
    await keepScreenshot(page, "connection-lost");
    await startServer();
    await page.getByText("Live", { exact: true }).first().waitFor({ timeout: 15_000 });
    assert.equal(await page.evaluate("globalThis.notReloaded"), true);
    await page.context().close();
  });

  it("shows news in eight tabs at once, and goes on when the tab that holds the connection is closed", async () => {
    const { page } = await openPage(browser, url);
    const tabs = [page];
    while (tabs.length < 8) tabs.push(await page.context().newPage());
    for (const tab of tabs) {
      await tab.goto("/configs");
      await tab.getByText("Live", { exact: true }).first().waitFor();
    }
    const runsAtOnce = (value: number) =>
      fetch(`${url}/api/queue/concurrency`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ max_concurrent: value }),
      });
    const showsEverywhere = async (value: number): Promise<void> => {
      for (const tab of tabs) {
        const tile = tab.locator(".tile", { hasText: "At once" });
        await tile.getByText(String(value), { exact: true }).waitFor({ timeout: 5_000 });
      }
    };
    for (const tab of tabs) await tab.goto("/queue");
    await runsAtOnce(3);
    await showsEverywhere(3);
    await tabs.pop()?.close();
    await runsAtOnce(2);
    await showsEverywhere(2);
    await page.context().close();
  });

  it("is used with the keyboard alone", async () => {
    const { page } = await openPage(browser, url);
    await page.goto("/");
    // The load event comes before the first render: a key pressed in between would reach no element.
    await page.getByRole("link", { name: /skip/i }).waitFor({ state: "attached" });
    await page.keyboard.press("Tab");
    assert.match(await page.evaluate("document.activeElement.textContent"), /skip/i);
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.type("settings");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/settings/);
    await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();
    await page.context().close();
  });
});
