import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { type HubEmulator, startHubEmulator } from "./hub-emulator/emulator.ts";
import { type ReplicateEmulator, startReplicateEmulator } from "./replicate-emulator/emulator.ts";
import {
  accessibilityProblems,
  chromiumPath,
  keepScreenshot,
  launchBrowser,
  openPage,
} from "./testing/browser.ts";
import { freePort, repository, runProgram, type RunningProgram } from "./testing/run-program.ts";

const skip = chromiumPath === null ? "Chromium was not found" : false;
const config = {
  model_family: "flux",
  max_train_steps: 40,
  enable_nsfw_check: false,
  logging_dir: "/home/ada/logs",
};

const looks = [
  {
    name: "light, wide, English",
    colorScheme: "light",
    viewport: { width: 1440, height: 1100 },
    language: "en",
  },
  { name: "dark, phone, Hindi", colorScheme: "dark", viewport: { width: 390, height: 844 }, language: "hi" },
] as const;

describe("datasets on their way to Replicate, in a real browser", { skip }, () => {
  let folder: string;
  let hub: HubEmulator;
  let replicate: ReplicateEmulator;
  let browser: Browser;
  let servers: RunningProgram[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "simpletuner datasets "));
    hub = await startHubEmulator();
    replicate = await startReplicateEmulator({ hub, startMs: 2_000, trainMs: 4_000 });
    browser = await launchBrowser();
    servers = [];
    await cp(join(repository, "samples", "lighthouse-coast"), join(folder, "coast"), { recursive: true });
    await mkdir(join(folder, "large"));
    await writeFile(join(folder, "large", "one.png"), "");
    await truncate(join(folder, "large", "one.png"), 130 << 20);
  });
  after(async () => {
    await browser?.close();
    for (const server of servers) await server[Symbol.asyncDispose]();
    await replicate?.close();
    await hub?.close();
    await rm(folder, { recursive: true, force: true });
  });

  /** A server of its own with one saved configuration; answers its address. */
  async function serve(name: string, dataset: string, env: NodeJS.ProcessEnv): Promise<string> {
    const stateDir = join(folder, name);
    const saved = join(stateDir, "config", "coast");
    await mkdir(saved, { recursive: true });
    const local = {
      id: "coast",
      type: "local",
      instance_data_dir: join(folder, dataset),
      caption_strategy: "textfile",
    };
    await writeFile(join(saved, "config.json"), JSON.stringify(config));
    await writeFile(
      join(saved, "multidatabackend.json"),
      JSON.stringify([{ ...local, delete_unwanted_images: true }]),
    );
    const port = await freePort();
    const args = [
      join(repository, "dist", "cli.js"),
      "server",
      "--port",
      String(port),
      "--state-dir",
      stateDir,
    ];
    const account = { REPLICATE_API_TOKEN: replicate.token, REPLICATE_BASE_URL: replicate.baseUrl };
    const server = runProgram(process.execPath, args, { env: { ...process.env, ...account, ...env } });
    servers.push(server);
    const url = `http://127.0.0.1:${port}`;
    for (let tries = 0; tries < 200; tries++) {
      if (
        await fetch(`${url}/health`).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        return url;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the server did not start: ${server.output()}`);
  }

  it("shows the way through the Hub and what differs there, then both bars, and trains", async () => {
    const url = await serve("hub", "coast", { HF_ENDPOINT: hub.url, HF_TOKEN: hub.token });
    hub.behaviour.uploadMs = 350;
    for (const { name, ...look } of looks) {
      const { page, problems } = await openPage(browser, url, look);
      await page.goto("/jobs/new?config=coast");
      await page.getByRole("radio", { name: /Replicate/ }).check();
      await page.locator(".route").waitFor();
      assert.equal(await page.locator(".route > li").count(), 3, name);
      assert.equal(await page.locator(".route-notes li").count(), 5, name);
      await page.locator(".route-notes").scrollIntoViewIfNeeded();
      await keepScreenshot(page, `datasets-plan-${look.language}`);
      assert.deepEqual(await accessibilityProblems(page), [], name);
      const wide = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      assert.equal(wide, 0, name);
      await page.locator("button.button-primary").last().click();
      await page.locator(".transfer-active").first().waitFor();
      await page
        .locator(".transfer-step:nth-child(2).transfer-active .transfer-figures")
        .waitFor({ timeout: 20_000 });
      await keepScreenshot(page, `datasets-sending-${look.language}`);
      assert.deepEqual(await accessibilityProblems(page), [], name);
      await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/, { timeout: 30_000 });
      assert.deepEqual(problems, [], name);
      await page.context().close();
    }
    const [first] = replicate.predictions;
    assert.ok((first?.seen?.[0]?.samples.length ?? 0) > 5);
    assert.ok(first?.seen?.[0]?.samples.every(({ captions }) => captions.length > 0));
  });

  it("shows an archive over the limit with both sizes and the ways out, and does not start it", async () => {
    const url = await serve("archive", "large", { REPLICATE_DATASETS: "archive", HF_TOKEN: "" });
    for (const { name, ...look } of looks) {
      const { page, problems } = await openPage(browser, url, look);
      await page.goto("/jobs/new?config=coast");
      await page.getByRole("radio", { name: /Replicate/ }).check();
      await page.locator(".route-size-over").waitFor();
      await page.getByText(/SIMPLETUNER_STAGING_URL/).waitFor();
      await page.locator(".route-size").scrollIntoViewIfNeeded();
      await keepScreenshot(page, `datasets-over-limit-${look.language}`);
      assert.deepEqual(await accessibilityProblems(page), [], name);
      assert.equal(await page.locator("button.button-primary").last().isDisabled(), true, name);
      assert.deepEqual(problems, [], name);
      await page.context().close();
    }
  });
});
