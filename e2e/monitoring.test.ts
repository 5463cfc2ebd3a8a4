import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { startTestServer, type TestServer } from "@simpletuner-cloud/server/testing/test-server.ts";
import {
  accessibilityProblems,
  chromiumPath,
  keepScreenshot,
  launchBrowser,
  openPage,
} from "./testing/browser.ts";

const skip = chromiumPath === null ? "Chromium was not found" : false;

describe("health and metrics in a real browser", { skip }, () => {
  let server: TestServer;
  let browser: Browser;
  before(async () => {
    server = await startTestServer({ accounts: true });
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  const scrape = async (authorization?: string) => {
    const headers = authorization === undefined ? {} : { authorization, "x-forwarded-for": "192.0.2.7" };
    const answer = await fetch(`${server.url}/api/cloud/metrics/prometheus`, { headers });
    return { status: answer.status, text: await answer.text() };
  };
  const lookAt = async (page: Page, name: string): Promise<void> => {
    assert.deepEqual(await accessibilityProblems(page), [], name);
    await keepScreenshot(page, name);
  };

  it("each part, each circuit breaker and each loop is told of, and the providers on demand", async () => {
    const { page, problems } = await openPage(browser, server.url, { language: "en" });
    await page.goto("/settings");
    await page.getByRole("link", { name: /Health/ }).click();
    await page.getByText("All parts work").waitFor();
    const parts = page.getByRole("table", { name: "Parts of the server" });
    await parts.getByRole("row", { name: /Database works/ }).waitFor();
    assert.equal(await parts.getByRole("row", { name: /Provider replicate/ }).count(), 0);
    await page.getByRole("checkbox", { name: /Ask the providers too/ }).check();
    await parts.getByRole("row", { name: /Provider replicate/ }).waitFor();
    await page.getByText("replicate-api: calls go through").waitFor();
    await page.getByRole("table", { name: "Work in the background" }).getByText("Seal the audit").waitFor();
    await lookAt(page, "health");
    assert.deepEqual(problems, []);
  });

  it("metrics are switched on with a template, previewed, and kept from who has no token", async () => {
    const { page, problems } = await openPage(browser, server.url, { language: "en" });
    await page.goto("/settings/metrics");
    await page.getByText("Off: a scrape gets one comment line").waitFor();
    assert.match((await scrape()).text, /^# [^\n]+\n$/);
    await page.getByRole("radio", { name: /Standard/ }).check();
    await page.getByText("On: 3 categories").waitFor();
    await page.getByRole("checkbox", { name: /Audit/ }).check();
    await page.getByText("On: 4 categories").waitFor();
    const metrics = (text: string | null) =>
      [...(text ?? "").matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name);
    const preview = page.getByRole("region", { name: "Preview" }).locator("pre");
    await preview.filter({ hasText: "simpletuner_audit_log_entries_total" }).waitFor();
    assert.deepEqual(metrics(await preview.textContent()), metrics((await scrape()).text));
    await page.getByLabel("Show lines with").fill("simpletuner_jobs_total");
    await preview
      .filter({ hasText: /^# HELP simpletuner_jobs_total[^\n]+\n[^\n]+\nsimpletuner_jobs_total 0$/ })
      .waitFor();
    await page.getByRole("button", { name: "Make a token" }).click();
    const dialog = page.getByRole("dialog", { name: "The scrape token" });
    const token = (await dialog.locator("pre").textContent())?.trim() ?? "";
    await lookAt(page, "metrics-token");
    await dialog.getByRole("button", { name: "I have kept it" }).click();
    await page.getByText("credentials_file").waitFor();
    assert.equal((await scrape("Bearer wrong")).status, 401);
    assert.equal((await scrape(`Bearer ${token}`)).status, 200);
    await page.getByRole("button", { name: "Ask for no token" }).click();
    await page.getByRole("button", { name: "Make a token" }).waitFor();
    await page.getByRole("checkbox", { name: "Export metrics for Prometheus" }).uncheck();
    await page.getByText("Off: a scrape gets one comment line").waitFor();
    await lookAt(page, "metrics");
    assert.deepEqual(problems, []);
  });
});
