import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser } from "playwright-core";
import { tunnelStandIns } from "../server/testing/tunnel-stand-ins.ts";
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

const looks = [
  { colorScheme: "light", viewport: { width: 1440, height: 1000 }, language: "en" },
  { colorScheme: "dark", viewport: { width: 390, height: 844 }, language: "hi" },
] as const;

describe("a tunnel in a real browser", { skip }, () => {
  let folder: string;
  let programs: Awaited<ReturnType<typeof tunnelStandIns>>;
  let replicate: ReplicateEmulator;
  let browser: Browser;
  let server: RunningProgram;
  let url: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "simpletuner tunnel "));
    programs = await tunnelStandIns(folder);
    replicate = await startReplicateEmulator();
    browser = await launchBrowser();
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const args = [join(repository, "dist", "cli.js"), "server", "--port", String(port)];
    server = runProgram(process.execPath, [...args, "--state-dir", join(folder, "state")], {
      env: {
        ...process.env,
        ...programs.env,
        REPLICATE_API_TOKEN: replicate.token,
        REPLICATE_BASE_URL: replicate.baseUrl,
      },
    });
    for (let isUp = false; !isUp; await new Promise((done) => setTimeout(done, 100)))
      isUp = await fetch(`${url}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
  });
  after(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
    await replicate?.close();
    await rm(folder, { recursive: true, force: true });
  });

  for (const look of looks)
    it(`is asked about, started, shown and stopped: ${look.language}, ${look.viewport.width} wide`, async () => {
      const { page, problems } = await openPage(browser, url, look);
      await page.goto("/providers/replicate");
      const guide = page.locator("dialog[open] button").last();
      await page.locator("#tunnel").waitFor();
      if (await guide.isVisible()) await page.keyboard.press("Escape");
      const panel = page.locator("section", { has: page.locator("#tunnel") });
      const start = panel.getByRole("button", { name: /cloudflared/ });
      await start.waitFor();
      await panel.scrollIntoViewIfNeeded();
      await keepScreenshot(page, `tunnel-off-${look.language}`);
      await start.click();
      const dialog = page.locator("dialog[open]");
      await dialog.waitFor();
      await keepScreenshot(page, `tunnel-question-${look.language}`);
      assert.deepEqual(await accessibilityProblems(page), []);
      await dialog.locator("button").last().click();
      const address = panel.getByRole("link", {
        name: /^https:\/\/quick-words-number-\d+\.trycloudflare\.com$/,
      });
      await address.waitFor();
      await panel.scrollIntoViewIfNeeded();
      await keepScreenshot(page, `tunnel-running-${look.language}`);
      assert.deepEqual(await accessibilityProblems(page), []);
      const tooWide = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      );
      assert.equal(tooWide, 0);
      await panel.getByRole("button").last().click();
      await start.waitFor();
      assert.equal(await programs.isRunning(), false);
      assert.deepEqual(problems, []);
      await page.context().close();
    });
});
