import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser, Page } from "playwright-core";
import { apiClient } from "@simpletuner-cloud/contract/client.ts";
import type { DestinationDraft } from "@simpletuner-cloud/contract/destinations.ts";
import { type HubEmulator, startHubEmulator } from "./hub-emulator/emulator.ts";
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
import { type S3Site, startS3Site, storagePath } from "./testing/s3-site.ts";

const skip = chromiumPath === null ? "Chromium was not found" : false;

/** The sample's own configuration made short, so that a training takes seconds. */
const shortDemo = {
  model_type: "full",
  model_family: "pixel-denoiser",
  seed: 7,
  resolution: 16,
  train_batch_size: 4,
  max_train_steps: 20,
  learning_rate: 0.005,
  checkpointing_steps: 20,
  validation_steps: 20,
  validation_num_inference_steps: 2,
  num_validation_images: 1,
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

/** A way to the storage that can be blocked: uploads wait at its gate until it is opened. */
interface Gate {
  server: Server;
  endpoint: string;
  close(): void;
  open(): void;
}

async function startGate(port: number): Promise<Gate> {
  let isOpen = true;
  let waiting: (() => void)[] = [];
  const server = createServer((message, response) => {
    const { method, url: path, headers } = message;
    const pass = (): void => {
      const outgoing = request({ host: "127.0.0.1", port, method, path, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
      outgoing.on("error", () => response.destroy());
      message.pipe(outgoing);
    };
    if (isOpen || method !== "PUT") pass();
    else waiting.push(pass);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  return {
    server,
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}${storagePath}`,
    close: () => void (isOpen = false),
    open() {
      isOpen = true;
      for (const pass of waiting) pass();
      waiting = [];
    },
  };
}

/** Where a server keeps outputs on its disk. */
function outputsOf(folder: string): string {
  return join(folder, "state", "cloud_outputs", "outputs");
}

describe("delivering models in a real browser", { skip }, () => {
  let folder: string;
  let url: string;
  let server: RunningProgram;
  let target: S3Site;
  let gate: Gate;
  let hub: HubEmulator;
  let browser: Browser;
  let jobId: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "simpletuner publishing "));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const config = join(folder, "state", "config", "demo");
    await mkdir(config, { recursive: true });
    await writeFile(join(config, "config.json"), JSON.stringify(shortDemo));
    await writeFile(join(config, "multidatabackend.json"), JSON.stringify(datasets));
    const program = join(repository, "dist", "cli.js");
    const state = join(folder, "state");
    hub = await startHubEmulator();
    server = runProgram(process.execPath, [program, "server", "--port", String(port), "--state-dir", state], {
      env: { ...process.env, HF_ENDPOINT: hub.url, HF_TOKEN: "" },
    });
    [target, browser] = await Promise.all([startS3Site(), launchBrowser()]);
    gate = await startGate(target.port);
    await eventually(() => jsonFrom(`${url}/health`), server, 30_000);
  });
  after(async () => {
    await browser?.close();
    gate?.server.closeAllConnections();
    gate?.server.close();
    await target?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await hub?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const fillIn = async (page: Page, fields: Record<string, string>): Promise<void> => {
    for (const [label, value] of Object.entries(fields))
      await page
        .getByRole("dialog")
        .getByLabel(new RegExp(`^${label}`))
        .fill(value);
  };
  const secretField = (page: Page) => page.getByRole("dialog").getByLabel(/^Secret access key/);
  const isFine = async (page: Page, name: string): Promise<void> => {
    assert.deepEqual(await accessibilityProblems(page), [], name);
    const overflow = await page.evaluate(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    assert.equal(overflow, 0, `${name} scrolls sideways by ${overflow} px`);
    await keepScreenshot(page, `publishing-${name}`);
  };
  const draft = (name: string, prefix: string): DestinationDraft => ({
    name,
    settings: {
      kind: "s3",
      preset: "other",
      endpoint: gate.endpoint,
      region: "us-east-1",
      bucket: "outputs",
      prefix,
      folder: "{name}-{id}",
      path_style: true,
      public_base_url: null,
      access_key_id: target.account.accessKeyId,
      include_samples: true,
      include_checkpoints: true,
    },
    secret_access_key: target.account.secretAccessKey,
    is_default: false,
  });
  /** Files of the storage that is delivered to, as they lie on its disk. */
  const arrived = async (): Promise<string[]> => {
    const found = await readdir(outputsOf(target.folder), { recursive: true, withFileTypes: true });
    return found
      .filter((each) => each.isFile())
      .map((each) => relative(outputsOf(target.folder), join(each.parentPath, each.name)))
      .sort();
  };
  const delivery = (page: Page, name: string) =>
    page.getByRole("listitem").filter({ has: page.getByText(name, { exact: true }) });

  it("adds a bucket whose connection was tried, and shows its secret nowhere", async () => {
    const { page, problems } = await openPage(browser, url);
    await page.goto("/settings");
    await page.getByRole("link", { name: /^Destinations/ }).click();
    await page.getByRole("heading", { name: "Models stay on this machine" }).waitFor();
    await isFine(page, "empty");
    await page.getByRole("button", { name: "Add a destination" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Service").selectOption({ label: "MinIO" });
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("Give it a name.").waitFor();
    assert.equal(await page.evaluate("document.activeElement.getAttribute('aria-invalid')"), "true");
    await isFine(page, "problems");
    await fillIn(page, {
      Name: "Team bucket",
      Endpoint: gate.endpoint,
      Bucket: "outputs",
      "Access key": target.account.accessKeyId,
    });
    await secretField(page).fill("not-the-secret");
    await dialog.getByRole("button", { name: "Test", exact: true }).click();
    await dialog.getByText("It does not work yet.").waitFor();
    await isFine(page, "test-failed");
    await secretField(page).fill(target.account.secretAccessKey);
    await dialog.getByRole("button", { name: "Test", exact: true }).click();
    await dialog.getByText("It works: results can be delivered there.").waitFor();
    await page.keyboard.press("Tab");
    await dialog.getByRole("button", { name: "Save" }).press("Enter");
    await page.getByRole("heading", { name: /^Team bucket/ }).waitFor();
    await page.getByText("s3://outputs/models/{name}-{id}/").waitFor();
    assert.equal(await dialog.count(), 0);
    const told = await (await fetch(`${url}/api/cloud/destinations`)).text();
    assert.ok(!told.includes(target.account.secretAccessKey) && told.includes("Team bucket"));
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it("adds the Hugging Face Hub with a token of its own", async () => {
    const { page, problems } = await openPage(browser, url);
    await page.goto("/settings/destinations?edit=new");
    const dialog = page.getByRole("dialog");
    const token = dialog.getByLabel(/^Token of the Hub/);
    await fillIn(page, { Name: "My models", Owner: "ada" });
    await token.fill("not a token");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.getByText("A token of the Hub begins with hf_.").waitFor();
    await token.fill(hub.token);
    await dialog.getByRole("button", { name: "Test", exact: true }).click();
    await dialog.getByText("It works: results can be delivered there.").waitFor();
    await isFine(page, "hub");
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByText("ada/{name}-{id}").waitFor();
    await page.getByRole("button", { name: "Change My models" }).click();
    await dialog.getByText("Stored. Leave it empty to keep it.").waitFor();
    assert.equal(await token.inputValue(), "");
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it("delivers a job to the default place, told live, and to one that is chosen later", async () => {
    const { page, problems } = await openPage(browser, url);
    await page.goto("/jobs/new?config=demo");
    assert.ok(await page.getByRole("checkbox", { name: /^Team bucket/ }).isChecked());
    await page.getByLabel("Name of this run").fill("Lighthouse");
    await isFine(page, "new-job");
    gate.close();
    await page.getByRole("button", { name: "Start training" }).click();
    await page.waitForURL(/\/jobs\/[0-9a-f-]{36}/, { timeout: 30_000 });
    jobId = /[0-9a-f-]{36}/.exec(page.url())?.[0] ?? "";
    const row = delivery(page, "Team bucket");
    await row.getByText("Sending").waitFor({ timeout: 60_000 });
    await row.getByText(/0 of \d files/).waitFor();
    await row.getByText(/0 B of [\d.,]+ KiB/).waitFor();
    await isFine(page, "sending");
    gate.open();
    await row.getByText("Delivered").waitFor({ timeout: 20_000 });
    await row.getByText(`s3://outputs/models/Lighthouse-${jobId.slice(-8)}/`).waitFor();
    await isFine(page, "delivered");
    const folderThere = `models/Lighthouse-${jobId.slice(-8)}`;
    const [here, there] = await Promise.all([
      readFile(join(outputsOf(folder), jobId, "pytorch_lora_weights.safetensors")),
      readFile(join(outputsOf(target.folder), folderThere, "pytorch_lora_weights.safetensors")),
    ]);
    assert.ok(here.equals(there), "the model is the same at both places");

    await page.getByRole("button", { name: "Model card" }).click();
    await page.getByRole("dialog").getByText("# Lighthouse").waitFor();
    await isFine(page, "model-card");
    await page.keyboard.press("Escape");
    await apiClient(url)("POST /api/cloud/destinations", { body: draft("Archive", "archive") });
    await page.getByRole("button", { name: "Deliver to another place" }).click();
    await page.getByRole("dialog").getByRole("checkbox", { name: "Archive" }).check();
    await isFine(page, "deliver-dialog");
    await page.getByRole("dialog").getByRole("button", { name: "Deliver", exact: true }).click();
    await delivery(page, "Archive").getByText("Delivered").waitFor({ timeout: 20_000 });
    assert.equal((await arrived()).filter((path) => path.startsWith("archive/")).length > 0, true);
    await page.getByRole("link", { name: /^Events/ }).click();
    await page.getByText("Delivered to Archive").waitFor();
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it("says why a delivery failed, and delivers by itself once the place is set right", async () => {
    const { page, problems } = await openPage(browser, url);
    await page.goto("/settings/destinations");
    await page.getByRole("button", { name: "Change Team bucket" }).click();
    const dialog = page.getByRole("dialog");
    await fillIn(page, { "Access key": "nobody" });
    await dialog.getByText("The stored secret belongs to another account").waitFor();
    await secretField(page).fill("a-secret");
    await dialog.getByRole("button", { name: "Save" }).click();
    await dialog.waitFor({ state: "detached" });

    await page.goto(`/jobs/${jobId}`);
    const row = delivery(page, "Team bucket");
    await row.getByRole("button", { name: "Deliver again: Team bucket" }).click();
    await row.getByText("Failed").waitFor({ timeout: 20_000 });
    await row.getByText(/InvalidAccessKeyId/).waitFor();
    await row.getByRole("button", { name: "Retry: Team bucket" }).click();
    await row.getByText("Failed").waitFor({ timeout: 20_000 });
    await isFine(page, "failed");

    const settings = await page.context().newPage();
    await settings.goto("/settings/destinations");
    await settings.getByText("The newest delivery failed").waitFor();
    await isFine(settings, "last-failed");
    await settings.getByRole("button", { name: "Change Team bucket" }).click();
    await fillIn(settings, { "Access key": target.account.accessKeyId });
    await secretField(settings).fill(target.account.secretAccessKey);
    await settings.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await row.getByText("Delivered").waitFor({ timeout: 20_000 });
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  for (const look of [
    { language: "en", colorScheme: "light", viewport: { width: 1440, height: 900 } },
    { language: "hi", colorScheme: "dark", viewport: { width: 390, height: 844 } },
  ] as const) {
    const name = `${look.language}-${look.viewport.width}`;
    it(`has no accessibility violation and no sideways scroll: ${name}`, async () => {
      const { page, problems } = await openPage(browser, url, look);
      for (const path of [
        "/settings/destinations",
        "/settings/destinations?edit=new",
        `/jobs/${jobId}`,
        "/jobs/new?config=demo",
      ]) {
        await page.goto(path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page.waitForLoadState("load");
        await isFine(page, `${name}${path.replaceAll(/[^a-z]+/g, "-")}`);
      }
      assert.deepEqual(problems, []);
      await page.context().close();
    });
  }

  it("removes a place after a question, and keeps what was delivered", async () => {
    const { page } = await openPage(browser, url);
    await page.goto("/settings/destinations");
    await page.getByRole("button", { name: "More about Archive" }).click();
    await page.getByRole("menuitem", { name: "Remove" }).click();
    const dialog = page.getByRole("dialog", { name: "Remove Archive?" });
    await dialog.getByRole("button", { name: "Keep it" }).click();
    assert.equal(await page.getByRole("heading", { name: "Archive", exact: true }).count(), 1);
    await page.getByRole("button", { name: "More about Archive" }).click();
    await page.getByRole("menuitem", { name: "Remove" }).click();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("heading", { name: "Archive", exact: true }).waitFor({ state: "detached" });
    assert.ok((await arrived()).some((path) => path.startsWith("archive/")));
    await page.context().close();
  });
});
