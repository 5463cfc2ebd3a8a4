import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { type ReplicateEmulator, startReplicateEmulator } from "./replicate-emulator/emulator.ts";
import {
  accessibilityProblems,
  chromiumPath,
  keepScreenshot,
  launchBrowser,
  openPage,
} from "./testing/browser.ts";
import {
  eventually,
  freePort,
  jsonFrom,
  repository,
  runProgram,
  type RunningProgram,
} from "./testing/run-program.ts";

const skip = chromiumPath === null ? "Chromium was not found" : false;

const phone = { language: "hi", colorScheme: "dark", viewport: { width: 390, height: 844 } } as const;

/** A configuration of one's own with a folder of images. */
const own = {
  config: { model_type: "lora", model_family: "flux", max_train_steps: 8 },
  datasets: [
    {
      id: "lighthouse-coast",
      type: "local",
      dataset_type: "image",
      instance_data_dir: join(repository, "samples", "lighthouse-coast"),
      caption_strategy: "textfile",
    },
  ],
};

describe("the first steps in a real browser", { skip }, () => {
  let folder: string;
  let url: string;
  let server: RunningProgram;
  let emulator: ReplicateEmulator;
  let browser: Browser;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "simpletuner first steps "));
    emulator = await startReplicateEmulator({ predictor: "unpacks" });
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const program = join(repository, "dist", "cli.js");
    const state = join(folder, "state");
    server = runProgram(process.execPath, [program, "server", "--port", String(port), "--state-dir", state], {
      env: { ...process.env, REPLICATE_BASE_URL: emulator.baseUrl, REPLICATE_DATASETS: "archive" },
    });
    browser = await launchBrowser();
    await eventually(() => jsonFrom(`${url}/health`), server, 30_000);
  });
  after(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
    await emulator?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const steps = (page: Page) => page.getByRole("region", { name: /^First steps/ });
  const step = (page: Page, name: string) => steps(page).getByRole("listitem").filter({ hasText: name });
  const isFine = async (page: Page, name: string): Promise<void> => {
    assert.deepEqual(await accessibilityProblems(page), [], name);
    const overflow = await page.evaluate(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    assert.equal(overflow, 0, `${name} scrolls sideways by ${overflow} px`);
    await keepScreenshot(page, `first-steps-${name}`);
  };

  it("are shown to a newcomer, hidden for good on every device, and brought back from the settings", async () => {
    const { page, problems } = await openPage(browser, url);
    await page.goto("/");
    await steps(page).getByText("0 of 4 done").waitFor();
    await isFine(page, "newcomer");
    await steps(page).getByRole("button", { name: "Hide" }).click();
    await steps(page).waitFor({ state: "detached" });
    const other = await openPage(browser, url);
    await other.page.goto("/");
    await other.page.getByRole("button", { name: "Run the sample training" }).waitFor();
    await other.page.waitForLoadState("networkidle");
    assert.equal(await steps(other.page).count(), 0);
    await other.page.goto("/settings");
    await other.page.getByRole("link", { name: "Show the first steps" }).click();
    await steps(other.page).waitFor();
    await page.goto("/");
    await steps(page).waitFor();
    assert.deepEqual([...problems, ...other.problems], []);
    await other.page.context().close();
    await page.context().close();
  });

  it("lead from a token to a job at Replicate, with a token that is tried, and tell how far one is", async () => {
    const { page, problems } = await openPage(browser, url);
    await page.goto("/");
    await steps(page).getByRole("link", { name: "Connect Replicate" }).click();
    const introduction = page.getByRole("dialog", { name: "What happens to your data" });
    await introduction.waitFor();
    await isFine(page, "introduction");
    await introduction.getByRole("button", { name: "Skip" }).click();
    await introduction.waitFor({ state: "detached" });
    await page.getByLabel(/^API token/).fill("r8_of_somebody_else_entirely_0000000000");
    await page.getByRole("button", { name: "Save and connect" }).click();
    await page.locator(".field-error").waitFor();
    await isFine(page, "wrong-token");
    await page.getByLabel(/^API token/).fill(emulator.token);
    await page.getByRole("button", { name: "Save and connect" }).click();
    await page.getByText(/^Connected as /).waitFor();
    assert.equal(await page.getByRole("dialog").count(), 0, "the introduction is not shown twice");

    await page.goto("/");
    await step(page, "Rent a GPU").getByRole("img", { name: "done" }).waitFor();
    // What costs money can be limited.
    await step(page, "Set a spending limit").getByRole("link", { name: "Set a limit" }).waitFor();

    const config = join(folder, "state", "config", "coast");
    await mkdir(config, { recursive: true });
    await writeFile(join(config, "config.json"), JSON.stringify(own.config));
    await writeFile(join(config, "multidatabackend.json"), JSON.stringify(own.datasets));
    await page.goto("/jobs/new?config=coast");
    assert.equal(await page.getByText("SimpleTuner.io").count(), 0, "what does not exist is no choice");
    await page.getByRole("radio", { name: /^Replicate/ }).check();
    await page.getByText("No public address is set").waitFor();
    await page.getByText("Versions of your configurations are not kept yet.").waitFor();
    await page.getByRole("button", { name: "Upload and start" }).waitFor();
    await isFine(page, "review");
    await page.getByRole("button", { name: "Don't show this" }).click();
    await page.getByRole("button", { name: "Upload and start" }).click();
    await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/, { timeout: 60_000 });
    await page.getByText("Your model is here").waitFor({ timeout: 60_000 });
    assert.equal(emulator.predictions.length, 1);

    await page.goto("/");
    await page.getByRole("heading", { level: 1, name: "Home" }).waitFor();
    await page.waitForLoadState("networkidle");
    assert.equal(await steps(page).count(), 0, "the list is gone once the work can go on");
    await page.goto("/?steps");
    await steps(page).getByText("3 of 5 done").waitFor();
    await isFine(page, "set-up");
    await page.goto("/jobs/new?config=coast");
    await page.getByRole("radio", { name: /^Replicate/ }).check();
    await page.getByText("No public address is set").waitFor();
    assert.equal(await page.getByText("Versions of your configurations").count(), 0);
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it("show SimpleTuner.io as coming, and nothing to press", async () => {
    const { page } = await openPage(browser, url);
    await page.goto("/providers");
    const card = page.getByRole("listitem").filter({ hasText: "SimpleTuner.io" });
    await card.getByText("Coming soon").waitFor();
    assert.equal((await card.getByRole("link").count()) + (await card.getByRole("button").count()), 0);
    await page.context().close();
  });

  it("have no accessibility violation and no sideways scroll on a phone, dark, in Hindi", async () => {
    const { page, problems } = await openPage(browser, url, phone);
    for (const path of [
      "/?steps",
      "/settings",
      "/providers/replicate?introduction",
      "/jobs/new?config=coast",
    ]) {
      await page.goto(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.waitForLoadState("networkidle");
      await isFine(page, `phone${path.replaceAll(/[^a-z]+/g, "-")}`);
    }
    assert.deepEqual(problems, []);
    await page.context().close();
  });
});
