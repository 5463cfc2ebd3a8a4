import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Chromium's path from the test runner, or null where there is none. */
export const chromiumPath: string | null = process.env["TEST_CHROMIUM"] || null;

/** Starts Chromium so that it talks to nobody but the pages it is sent to. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A page that remembers everything that went wrong in it. */
export interface WatchedPage {
  page: Page;
  /** Console errors, uncaught errors and requests to another origin. */
  problems: string[];
}

/** Opens a page in a fresh context. */
export async function openPage(
  browser: Browser,
  baseUrl: string,
  options: BrowserContextOptions & { language?: string } = {},
): Promise<WatchedPage> {
  const { language, ...context } = options;
  const opened = await browser.newContext({
    baseURL: baseUrl,
    viewport: { width: 1440, height: 900 },
    ...context,
  });
  const page = await opened.newPage();
  if (language !== undefined)
    await page.addInitScript((code) => localStorage.setItem("language", code), language);
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith("http") && origin !== new URL(baseUrl).origin)
      problems.push(`foreign request: ${request.url()}`);
  });
  return { page, problems };
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds against WCAG 2.2 AA: one line a rule with the elements that break it. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // evaluate() runs in the page's own world without adding a script element, which the page's policy forbids.
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run: (
          root: unknown,
          options: object,
        ) => Promise<{ violations: { id: string; nodes: { target: string[] }[] }[] }>;
      };
    };
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
    const { violations } = await axe.run((globalThis as unknown as { document: unknown }).document, {
      runOnly: tags,
    });
    return violations.map(
      (violation) => `${violation.id}: ${violation.nodes.map((node) => node.target.join(" ")).join(", ")}`,
    );
  });
}

/** Keeps a screenshot for people to look at when TEST_SCREENSHOTS names a folder. */
export async function keepScreenshot(page: Page, name: string): Promise<void> {
  const folder = process.env["TEST_SCREENSHOTS"];
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
