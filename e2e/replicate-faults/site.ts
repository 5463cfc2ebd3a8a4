import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ApiClient, apiClient, ApiError } from "@simpletuner-cloud/contract/client.ts";
import { type ReplicateEmulator, startReplicateEmulator } from "../replicate-emulator/emulator.ts";
import { eventually, freePort, jsonFrom, repository, runProgram } from "../testing/run-program.ts";
import type { PlannedJob } from "./plan.ts";

/** The server gives up on a call after this long, and a slow answer takes longer. */
const timeoutSeconds = 2;
const slowMs = 3_000;
/** A call of a server that is being started again is made again for so long. */
const givesUpAfterMs = 120_000;

/** The emulator, and a server in a process of its own that can be killed while everything goes on. */
export interface FaultSite {
  readonly emulator: ReplicateEmulator;
  readonly stateDir: string;
  readonly url: string;
  readonly dataloader: Record<string, unknown>[];
  /** A call of the API that is made again while the server is down; only for calls that do no harm twice. */
  readonly call: ApiClient;
  /** kill -9, then a new start; answers milliseconds until it answered. */
  killAndStart(): Promise<number>;
  /** What all servers logged. */
  log(): string;
  close(): Promise<void>;
}

/** How {@link openFaultSite} goes about it. */
export interface FaultSiteOptions {
  jobs: readonly PlannedJob[];
  faultRate: number;
  /** Jobs under way at once. */
  atOnce: number;
}

/** Opens the site; webhooks are set, the consent to send datasets is given. */
export async function openFaultSite({ jobs, faultRate, atOnce }: FaultSiteOptions): Promise<FaultSite> {
  const folder = await mkdtemp(join(tmpdir(), "replicate faults "));
  const stateDir = join(folder, "state");
  const byName = new Map(jobs.map((job) => [job.name, job]));
  const emulator = await startReplicateEmulator({
    predictor: "unpacks",
    faultRate,
    slowMs,
    webhookFaults: { dropped: faultRate, doubled: faultRate, misSigned: faultRate / 4, delayMs: 1_000 },
    fateOf: (input) => byName.get(runNameOf(input) ?? "")?.fate ?? {},
  });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const place = { stateDir, port, url, emulator };
  const pastLogs: string[] = [];
  let server = await startServer(place);
  const call = persistent(apiClient(url));
  await call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
  await call("POST /api/queue/concurrency", { body: { max_concurrent: atOnce } });
  await call("PUT /api/cloud/providers/{provider}/config", {
    params: { provider: "replicate" },
    body: { webhook_url: url },
  });
  return {
    emulator,
    stateDir,
    url,
    dataloader: await makeDataset(join(folder, "pictures")),
    call,
    async killAndStart() {
      server.child.kill("SIGKILL");
      await server.ended;
      pastLogs.push(server.output());
      const startedAt = performance.now();
      server = await startServer(place);
      return performance.now() - startedAt;
    },
    log: () => [...pastLogs, server.output()].join("\n"),
    async close() {
      server.child.kill("SIGTERM");
      await Promise.race([server.ended, delay(15_000)]);
      await server[Symbol.asyncDispose]();
      await emulator.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The name of the job that a prediction was made for. */
export function runNameOf(input: Record<string, unknown>): string | null {
  const config = JSON.parse(String(input["config_json"])) as Record<string, unknown>;
  return typeof config["tracker_run_name"] === "string" ? config["tracker_run_name"] : null;
}

async function startServer(place: {
  stateDir: string;
  port: number;
  url: string;
  emulator: ReplicateEmulator;
}) {
  const { stateDir, port, url, emulator } = place;
  const server = runProgram(process.execPath, [join(repository, "server", "main.ts")], {
    cwd: repository,
    env: {
      ...process.env,
      SIMPLETUNER_STATE_DIR: stateDir,
      SIMPLETUNER_PORT: String(port),
      SIMPLETUNER_LOG_LEVEL: "warn",
      SIMPLETUNER_LOG_FORMAT: "json",
      SIMPLETUNER_HTTP_TIMEOUT: String(timeoutSeconds),
      SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "true",
      REPLICATE_API_TOKEN: emulator.token,
      REPLICATE_BASE_URL: emulator.baseUrl,
      REPLICATE_STATUS_URL: emulator.statusUrl,
      REPLICATE_DATASETS: "archive",
    },
  });
  await eventually(() => jsonFrom(`${url}/health`), server, 60_000);
  return server;
}

async function makeDataset(folder: string): Promise<Record<string, unknown>[]> {
  await mkdir(folder);
  await writeFile(join(folder, "one.jpg"), "not really a picture");
  await writeFile(join(folder, "one.txt"), "a lighthouse");
  return [{ id: "pictures", type: "local", instance_data_dir: folder }];
}

/** Makes calls again while nobody answers. */
function persistent(call: ApiClient): ApiClient {
  return async (route, ...request) => {
    const giveUpAt = performance.now() + givesUpAfterMs;
    for (;;) {
      try {
        return await call(route, ...request);
      } catch (error) {
        const down = error instanceof ApiError ? error.code === "unreachable" : error instanceof TypeError;
        if (!down || performance.now() > giveUpAt) throw error;
        await delay(100);
      }
    }
  };
}
