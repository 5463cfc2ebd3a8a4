import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import {
  accessibilityProblems,
  chromiumPath,
  keepScreenshot,
  launchBrowser,
  openPage,
} from "./testing/browser.ts";
import { freePort, repository, runProgram, type RunningProgram } from "./testing/run-program.ts";

const skip = chromiumPath === null ? "Chromium was not found" : false;
const password = "a lighthouse at night";

const looks = [
  { language: "en", colorScheme: "light", viewport: { width: 1440, height: 900 } },
  { language: "hi", colorScheme: "dark", viewport: { width: 390, height: 844 } },
] as const;

describe("accounts in a real browser", { skip }, () => {
  let folder: string;
  let url: string;
  let server: RunningProgram;
  let browser: Browser;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "simpletuner accounts "));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const program = join(repository, "dist", "cli.js");
    const state = join(folder, "state");
    server = runProgram(process.execPath, [program, "server", "--port", String(port), "--state-dir", state]);
    for (let tries = 0; tries < 200; tries++) {
      const answers = await fetch(`${url}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (answers) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const signIn = async (page: Page, name: string, word = password): Promise<void> => {
    await page.getByLabel("Name or e-mail").fill(name);
    await page.getByLabel("Password", { exact: true }).fill(word);
    await page.keyboard.press("Enter");
  };
  const lookAt = async (page: Page, name: string): Promise<void> => {
    assert.deepEqual(await accessibilityProblems(page), [], name);
    const overflow = await page.evaluate(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    assert.equal(overflow, 0, `${name} scrolls sideways`);
    await keepScreenshot(page, name);
  };

  it("one person alone is never asked for an account, and finds in the settings how others come in", async () => {
    const { page, problems } = await openPage(browser, url, { language: "en" });
    await page.goto("/");
    await page.getByRole("heading", { level: 1 }).waitFor();
    assert.equal(await page.getByRole("button", { name: /Account of/ }).count(), 0);
    await page.goto("/settings");
    await page.getByRole("link", { name: /Let other people use this server/ }).click();
    await page.getByRole("link", { name: "Make the first account" }).waitFor();
    await lookAt(page, "people-alone");
    await page.getByRole("link", { name: "Make the first account" }).click();
    await page.getByRole("heading", { level: 1, name: "Make the first account" }).waitFor();
    for (const { language, ...look } of looks) {
      const other = await openPage(browser, url, { language, ...look });
      await other.page.goto("/setup");
      await other.page.getByRole("button").first().waitFor();
      await other.page.locator("form").waitFor();
      await lookAt(other.page, `setup-${language}`);
      await other.page.context().close();
    }
    await page.getByLabel("Name", { exact: true }).fill("root");
    await page.getByLabel("E-mail").fill("root@example.org");
    await page.getByLabel("Password", { exact: true }).fill("password1");
    await page.getByText("This is one of the passwords that are tried first.").waitFor();
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("button", { name: "Make the account and sign in" }).click();
    await page.getByRole("button", { name: "Account of root" }).waitFor();
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it("a page that is asked for without an account leads there after signing in, with one text for what is wrong", async () => {
    const { page, problems } = await openPage(browser, url, { language: "en" });
    await page.goto("/settings?from=link");
    await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
    await lookAt(page, "login-en");
    assert.deepEqual(problems, [], "signing in asks for nothing that is refused");
    await signIn(page, "root", "wrong");
    await page.getByRole("alert").getByText("The name or the password is not right.").waitFor();
    await signIn(page, "root@example.org");
    await page.getByRole("heading", { level: 1, name: "Settings" }).waitFor();
    assert.match(page.url(), /\/settings\?from=link$/);
    await page.getByRole("button", { name: "Account of root" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
    await page.goto("/login?next=//evil.example");
    await signIn(page, "root");
    await page.getByRole("button", { name: "Account of root" }).waitFor();
    assert.equal(new URL(page.url()).origin, url);
    await page.context().close();
  });

  it("an administrator invites somebody, who chooses a password and sees only what it may", async () => {
    const { page, problems } = await openPage(browser, url, { language: "en" });
    await page.goto("/admin/users");
    await signIn(page, "root");
    await page.getByRole("button", { name: "New user" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("vera");
    await dialog.getByLabel("E-mail").fill("vera@example.org");
    await dialog.getByRole("combobox").selectOption("viewer");
    await lookAt(page, "new-user");
    await dialog.getByRole("button", { name: "Make the user" }).click();
    const link = await dialog.locator("pre").innerText();
    await lookAt(page, "invitation");
    await dialog.getByRole("button", { name: "Done" }).click();
    await page.getByRole("link", { name: "vera" }).waitFor();
    await page.getByText("Invited").waitFor();
    await lookAt(page, "users-en");

    const guest = await openPage(browser, url, { language: "en" });
    await guest.page.goto(link);
    await guest.page.getByLabel("Password", { exact: true }).fill(password);
    await lookAt(guest.page, "invite-en");
    await guest.page.getByRole("button", { name: "Set the password" }).click();
    await guest.page.getByRole("button", { name: "Account of vera" }).waitFor();
    assert.equal(await guest.page.getByRole("link", { name: "New job" }).count(), 0);
    assert.equal(await guest.page.getByRole("link", { name: "People" }).count(), 0);
    for (const path of ["/", "/jobs", "/cost", "/configs", "/account", "/settings"]) {
      await guest.page.goto(path);
      await guest.page.getByRole("heading", { level: 1 }).waitFor();
      await guest.page.getByText("Live", { exact: true }).first().waitFor();
    }
    await guest.page.goto("/admin/users");
    await guest.page.getByRole("heading", { level: 1, name: "Not allowed" }).waitFor();
    await guest.page.getByText("admin.users").waitFor();
    await lookAt(guest.page, "forbidden");
    assert.deepEqual(guest.problems, []);

    await page.getByRole("link", { name: "vera" }).click();
    await page.getByRole("heading", { name: "What vera may do" }).waitFor();
    const row = page.getByRole("row", { name: /^job\.submit / });
    await row.getByText("no level holds it").waitFor();
    await lookAt(page, "user-en");
    await row.getByRole("combobox").selectOption("always");
    await row.getByText("given to this user").waitFor();
    await guest.page.goto("/");
    await guest.page.getByRole("link", { name: "New job" }).first().waitFor();
    await page.getByRole("button", { name: "Switch off", exact: true }).click();
    await page.getByText("vera is switched off.").waitFor();
    await guest.page.getByRole("dialog", { name: "Sign in again" }).waitFor({ timeout: 10_000 });
    await guest.page.context().close();
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it("a session that ends in the middle of the work is renewed over the page, and what was typed is sent", async () => {
    const { page } = await openPage(browser, url, { language: "en" });
    await page.goto("/account");
    await signIn(page, "root");
    await page.getByLabel("Name on screen").fill("The Root");
    await page.context().clearCookies({ name: "simpletuner_session" });
    await page.getByRole("button", { name: "Save" }).click();
    const dialog = page.getByRole("dialog", { name: "Sign in again" });
    await dialog.waitFor();
    await lookAt(page, "sign-in-again");
    await page.keyboard.press("Escape");
    assert.equal(await dialog.getByLabel("Name or e-mail").inputValue(), "root");
    await dialog.getByLabel("Password", { exact: true }).fill(password);
    await page.keyboard.press("Enter");
    await page.getByText("Saved.").waitFor();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Account of The Root" }).waitFor();
    await page.context().close();
  });

  it("keys are shown once, sessions are ended elsewhere", async () => {
    const elsewhere = await openPage(browser, url, { language: "en" });
    await elsewhere.page.goto("/jobs");
    await signIn(elsewhere.page, "root");
    await elsewhere.page.getByRole("heading", { level: 1, name: "Jobs" }).waitFor();
    const { page, problems } = await openPage(browser, url, { language: "en" });
    await page.goto("/account");
    await signIn(page, "root");
    await page.getByRole("button", { name: "New API key" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("What is it for?").fill("laptop");
    await dialog.getByText("Only what I choose").click();
    await dialog.getByLabel("job.view.own").check();
    await lookAt(page, "new-api-key");
    await dialog.getByRole("button", { name: "Make the key" }).click();
    const key = await dialog.locator("pre").first().innerText();
    assert.match(key, /^st_\w{32}$/);
    await lookAt(page, "made-api-key");
    await dialog.getByRole("button", { name: "I have copied it" }).click();
    const may = async (path: string) => (await fetch(url + path, { headers: { "x-api-key": key } })).status;
    assert.deepEqual([await may("/api/cloud/jobs"), await may("/api/users")], [200, 403]);
    await lookAt(page, "account-en");
    await page.getByRole("button", { name: "Sign out everywhere else" }).click();
    await elsewhere.page.getByRole("dialog", { name: "Sign in again" }).waitFor({ timeout: 10_000 });
    await elsewhere.page.context().close();
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  for (const { language, ...look } of looks) {
    it(`every page of people is accessible and fits: ${language}, ${look.viewport.width} px`, async () => {
      const { page, problems } = await openPage(browser, url, { language, ...look });
      await page.goto("/login");
      await page.locator("form").waitFor();
      await lookAt(page, `login-${language}`);
      await page.locator("input").nth(0).fill("root");
      await page.locator("input").nth(1).fill(password);
      await page.keyboard.press("Enter");
      await page.waitForURL("/");
      for (const path of ["/account", "/admin/users", "/admin/users/local", "/admin/levels", "/settings"]) {
        await page.goto(path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page.locator("main .panel").first().waitFor();
        await lookAt(page, `${language}${path.replaceAll("/", "-")}`);
      }
      assert.deepEqual(problems, []);
      await page.context().close();
    });
  }
});
