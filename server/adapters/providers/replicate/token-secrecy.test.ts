import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { routeUrl } from "@simpletuner-cloud/contract/client.ts";
import {
  type ReplicateEmulator,
  startReplicateEmulator,
} from "../../../../e2e/replicate-emulator/emulator.ts";
import { allEndpoints } from "../../../http/openapi.ts";
import { type ServerProcess, startServerProcess } from "../../../testing/server-process.ts";
import { readStream } from "../../../testing/stream-reader.ts";
import { makeDataset, waitForJob } from "../../../testing/test-server.ts";

/** Two tokens: one that works, and one that Replicate refuses. */
const wrongToken = "r8_wrong_0123456789abcdefghij";

describe("the token of the account", () => {
  let folder: string;
  let stateDir: string;
  let emulator: ReplicateEmulator;
  let server: ServerProcess;
  let tokens: string[];
  const archives: Buffer[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "token test "));
    stateDir = join(folder, "state");
    emulator = await startReplicateEmulator({ startMs: 20, trainMs: 300, predictor: "unpacks" });
    tokens = [emulator.token, wrongToken];
    server = await startServerProcess({
      SIMPLETUNER_STATE_DIR: stateDir,
      SIMPLETUNER_LOG_LEVEL: "debug",
      SIMPLETUNER_HTTP_TIMEOUT: "3",
      SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "true",
      REPLICATE_API_TOKEN: "",
      REPLICATE_DATASETS: "archive",
      REPLICATE_BASE_URL: emulator.baseUrl,
      REPLICATE_STATUS_URL: emulator.statusUrl,
    });
  });
  after(async () => {
    await server.stop();
    await emulator.close();
    await rm(folder, { recursive: true, force: true });
  });

  const setToken = (api_token: string) =>
    server.call("PUT /api/cloud/providers/replicate/token", { body: { api_token } });
  const clean = (text: string, where: string): void => {
    for (const token of tokens) assert.ok(!text.includes(token), `${where} holds a token`);
  };

  /** Answers of every endpoint that can be asked with what there is, as text. */
  async function everyAnswer(jobId: string): Promise<string> {
    const params: Record<string, string> = {
      job_id: jobId,
      provider: "replicate",
      secret_name: "REPLICATE_API_TOKEN",
    };
    const told: string[] = [];
    for (const { endpoint } of allEndpoints()) {
      if (endpoint.method !== "GET" || "stream" in endpoint.answer) continue;
      const names = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
      if (!names.every((name) => name in params)) continue;
      const path = routeUrl(`GET ${endpoint.path}` as never, { params });
      told.push(path, await (await fetch(server.url + path)).text());
    }
    assert.ok(told.length > 60, `only ${told.length / 2} endpoints were asked`);
    return told.join("\n");
  }

  async function everyEvent(): Promise<string> {
    const stream = await readStream(`${server.url}/api/events/stream?after=0`);
    await stream.until(
      ({ event, data }) => event === "job.status" && /"completed"/.test(JSON.stringify(data)),
    );
    stream.close();
    return stream.text();
  }

  test("is in no log, answer, event, error, archive or file but its own, and goes to the API's own origin alone", async () => {
    const errors: string[] = [];
    errors.push(JSON.stringify(await setToken(wrongToken)));
    const { dataloader } = await makeDataset(folder);
    await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
    const body = {
      provider: "replicate",
      config: { model_family: "flux", max_train_steps: 8 },
      dataloader_config: dataloader,
    };
    errors.push(
      String(await server.call("POST /api/cloud/jobs/submit", { body }).catch((error: unknown) => error)),
    );
    await setToken(emulator.token);
    await server.call("PUT /api/cloud/providers/{provider}/config", {
      params: { provider: "replicate" },
      body: { webhook_url: server.url },
    });
    for (const [operation, fault] of [
      ["upload", "500"],
      ["create", "429"],
      ["get", "cut"],
      ["get", "429-header"],
      ["output", "500"],
    ] as const)
      emulator.faults.set(operation, fault);
    const watching = setInterval(() => {
      for (const { path } of emulator.files.values())
        readFile(path).then(
          (archive) => archives.push(archive),
          () => undefined,
        );
    }, 20);
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body });
    const done = await waitForJob(server.call, job_id, (job) => job.is_terminal, 60_000);
    clearInterval(watching);
    assert.equal(done.status, "completed", done.error_message ?? "");
    await setToken(wrongToken);
    errors.push(JSON.stringify(await server.call("GET /api/cloud/providers/replicate/validate")));
    assert.match(errors.join(), /does not accept the token/);

    clean(errors.join("\n"), "an error");
    clean(await everyAnswer(job_id), "an answer");
    clean(await everyEvent(), "an event");
    clean(server.log(), "the log");
    assert.match(server.log(), /"level":"(DEBUG|INFO)"/);
    assert.ok(archives.length > 0, "an archive was seen");
    for (const archive of archives) clean(archive.toString("latin1"), "the archive");
    clean(JSON.stringify(emulator.predictions.map(({ input }) => input)), "an input");
    const told = emulator.webhooks.sent.map(({ url }) => url);
    assert.ok(told.length > 0, "webhooks were sent");
    clean(told.join("\n"), "the address for webhooks");
    for (const { operation, headers } of emulator.calls) {
      const { authorization, ...others } = headers;
      clean(JSON.stringify(others), `a header of ${operation}`);
      // The status page is another service, which happens to be on this machine as well.
      if (operation === "status") assert.equal(authorization, undefined);
      else assert.match(String(authorization), /^Bearer r8_/, String(operation));
    }
    const own = join(stateDir, "secrets.json");
    const names = await readdir(stateDir, { recursive: true });
    // The newest changes of a database lie beside it until they are taken over.
    assert.ok(names.some((name) => name.endsWith("-wal")));
    for (const path of names.map((name) => join(stateDir, name)))
      if (path !== own && (await stat(path)).isFile()) clean((await readFile(path)).toString("latin1"), path);
    assert.ok((await readFile(own, "utf8")).includes(wrongToken));
    assert.equal((await stat(own)).mode & 0o777, 0o600);
  });
});
