import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { startCollector, type TestCollector } from "@simpletuner-cloud/server/testing/collector.ts";
import { startTestServer, type TestServer } from "@simpletuner-cloud/server/testing/test-server.ts";
import {
  accessibilityProblems,
  chromiumPath,
  keepScreenshot,
  launchBrowser,
  openPage,
} from "./testing/browser.ts";

const skip = chromiumPath === null ? "Chromium was not found" : false;
const token = "tok-of-the-browser-1";

describe("the audit's collector in a real browser", { skip }, () => {
  let server: TestServer;
  let collector: TestCollector;
  let browser: Browser;
  before(async () => {
    collector = await startCollector();
    server = await startTestServer({
      accounts: true,
      env: { SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "127.0.0.1" },
    });
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    await collector?.close();
  });

  const lookAt = async (page: Page, name: string): Promise<void> => {
    assert.deepEqual(await accessibilityProblems(page), [], name);
    await keepScreenshot(page, name);
  };
  const act = () =>
    fetch(`${server.url}/api/cloud/data-consent/setting`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ consent: "ask" }),
    });

  it("is set with a preview of each format, tried, and followed through a refusal to its end", async () => {
    assert.equal((await act()).status, 200);
    const { page, problems } = await openPage(browser, server.url, { language: "en" });
    await page.goto("/settings/audit");
    await page.getByRole("button", { name: "Send to a collector" }).click();
    const dialog = page.getByRole("dialog", { name: "Send the audit to a collector" });
    const preview = dialog.locator("pre");
    await preview.filter({ hasText: '"@timestamp"' }).waitFor();
    await dialog.getByRole("radio", { name: /Syslog/ }).check();
    await preview.filter({ hasText: /^<1\d\d>1 / }).waitFor();
    await dialog.getByRole("radio", { name: /CEF/ }).check();
    await preview.filter({ hasText: /^CEF:0\|SimpleTuner/ }).waitFor();
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("Write an address like").waitFor();
    await dialog.getByRole("textbox", { name: "Address" }).fill("http://10.0.0.1/in");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("leads to an address that is not on the internet").waitFor();
    await dialog.getByRole("radio", { name: /JSON/ }).check();
    await dialog.getByRole("textbox", { name: "Address" }).fill(`${collector.url}/in`);
    await dialog.getByLabel("Sent as").selectOption("Bearer");
    await dialog.getByRole("textbox", { name: "Token" }).fill(token);
    collector.answer = () => ({ status: 403 });
    await dialog.getByRole("button", { name: "Send a test" }).click();
    await dialog.getByText("refuses the token (status 403)").waitFor();
    await lookAt(page, "collector-dialog");
    collector.answer = () => ({ status: 200, body: "thank you" });
    await dialog.getByRole("button", { name: "Send a test" }).click();
    await dialog.getByText("took the test event (status 200").waitFor();
    assert.equal(collector.requests.at(-1)?.headers.authorization, `Bearer ${token}`);
    await dialog.getByRole("button", { name: "Save" }).click();
    const card = page.getByRole("region", { name: "Collector" });
    await card.getByText("The collector has every entry").waitFor({ timeout: 15_000 });
    await lookAt(page, "collector-sent");
    collector.answer = () => ({ status: 400, body: "unknown field" });
    await act();
    await card.getByText(/Stopped: the collector refused entry \d/).waitFor({ timeout: 15_000 });
    await card.getByText("It says: unknown field").waitFor();
    await lookAt(page, "collector-stopped");
    await card.getByRole("button", { name: /Leave entry \d+ out/ }).click();
    collector.answer = () => ({ status: 200 });
    await page.getByRole("dialog").getByRole("button", { name: "Leave it out" }).click();
    await card.getByText("The collector has every entry").waitFor({ timeout: 15_000 });
    await card.getByRole("button", { name: "Switch off" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Switch off" }).click();
    await page.getByRole("button", { name: "Send to a collector" }).waitFor();
    assert.match(collector.requests.at(-1)?.body ?? "", /"on":false/);
    assert.deepEqual(
      problems.filter((problem) => !/status of 422/.test(problem)),
      [],
    );
  });

  it("fits a phone in Hindi and the dark theme, by keyboard alone", async () => {
    const body = { format: "syslog", webhook_url: `${collector.url}/a/rather/long/path/of/a/collector/in` };
    collector.answer = () => ({ status: 503, headers: { "retry-after": "600" }, body: "maintenance" });
    const set = await fetch(`${server.url}/api/audit/export-config`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.equal(set.status, 200);
    const { page, problems } = await openPage(browser, server.url, {
      language: "hi",
      colorScheme: "dark",
      viewport: { width: 390, height: 844 },
    });
    await page.goto("/settings/audit");
    const card = page.getByRole("region", { name: "कलेक्टर" });
    await card.getByText("कलेक्टर प्रविष्टियाँ नहीं ले रहा").waitFor({ timeout: 15_000 });
    await lookAt(page, "collector-phone");
    await card.getByRole("button", { name: "बदलें" }).focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "कलेक्टर बदलें" });
    await dialog.locator("pre").filter({ hasText: /^<1/ }).waitFor();
    await lookAt(page, "collector-phone-dialog");
    await dialog.getByRole("button", { name: "सहेजें" }).scrollIntoViewIfNeeded();
    const width = await page.evaluate("document.documentElement.scrollWidth");
    assert.equal(width, 390);
    await page.keyboard.press("Escape");
    await card.getByRole("button", { name: "बदलें" }).waitFor();
    assert.deepEqual(problems, []);
  });
});
