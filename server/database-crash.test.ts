import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { realMariadb, realPostgres } from "./testing/real-services.ts";
import { type ServerProcess, startServerProcess } from "./testing/server-process.ts";
import { makeDataset, waitForJob } from "./testing/test-server.ts";
import { eventually, trainerScript } from "./testing/trainer-scripts.ts";

/** From the moment the database answers again until a job is taken. */
const longestRecoveryMs = 10_000;

/** Trains for a moment and writes down that it began, and for whom. */
const trainerInto = (starts: string): string =>
  trainerScript(`
sed -n 's/.*"marker": "\\([^"]*\\)".*/\\1/p' "$CONFIG_PATH" >> "${starts}"
for step in 1 2 3; do echo "Training step $step/3 loss=0.$step"; sleep 0.1; done
printf weights > "$out/pytorch_lora_weights.safetensors"
`);

/** Clients that submit jobs one after another, each until it is taken, however often it has to be sent. */
async function clientsOf({ call }: ServerProcess, folder: string, count: number) {
  const { dataloader } = await makeDataset(folder);
  const accepted = new Map<string, string>();
  const refusals = new Map<string, number>();
  const ending = new AbortController();
  const submitUntilTaken = async (marker: string): Promise<void> => {
    const config = { model_family: "test", max_train_steps: 3, marker };
    const body = { idempotency_key: marker, name: marker, config, dataloader_config: dataloader };
    while (!accepted.has(marker))
      try {
        const { job_id } = await call("POST /api/cloud/jobs/submit", { body });
        accepted.set(marker, job_id);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        refusals.set(error.code, (refusals.get(error.code) ?? 0) + 1);
        await delay(50);
      }
  };
  const client = async (): Promise<void> => {
    while (!ending.signal.aborted) await submitUntilTaken(randomUUID());
  };
  const all = Promise.all(Array.from({ length: count }, client));
  return {
    refusals,
    async untilAccepted(more: number): Promise<void> {
      const wanted = accepted.size + more;
      await eventually("more jobs", () => accepted.size >= wanted, 60_000);
    },
    /** The jobs by their markers. */
    async end(): Promise<ReadonlyMap<string, string>> {
      ending.abort();
      await all;
      return accepted;
    },
  };
}

// DATABASE_KILLS says how often each is killed; the figure to prove it with is 50.
for (const { name, service, kills } of [
  { name: "PostgreSQL", service: realPostgres, kills: Number(process.env["DATABASE_KILLS"] ?? 5) },
  { name: "MariaDB", service: () => realMariadb(true), kills: Number(process.env["DATABASE_KILLS"] ?? 2) },
])
  describe(`${name} killed under load`, () => {
    const database = service();

    test(
      "loses and doubles no job, and the server goes on by itself",
      { skip: database.skip },
      async (context) => {
        const { url, kill, start } = await database.get();
        const folder = await mkdtemp(join(tmpdir(), "crash "));
        const starts = join(folder, "starts");
        await writeFile(join(folder, "trainer.sh"), trainerInto(starts));
        const server = await startServerProcess({
          SIMPLETUNER_STATE_DIR: join(folder, "state"),
          SIMPLETUNER_DATABASE_URL: url,
          SIMPLETUNER_TRAINER_COMMAND: `/bin/sh "${join(folder, "trainer.sh")}"`,
        });
        const load = await clientsOf(server, folder, 3);
        const recoveries: number[] = [];
        try {
          for (let round = 0; round < kills; round++) {
            await load.untilAccepted(2);
            await kill();
            await delay(Math.random() * 300);
            await start();
            const startedAt = performance.now();
            await load.untilAccepted(1);
            recoveries.push(Math.round(performance.now() - startedAt));
          }
          const accepted = await load.end();
          await nothingLost(server, accepted, starts);
          const odd = [...load.refusals.keys()].filter((code) => !/^database_(unavailable|busy)$/.test(code));
          assert.deepEqual(odd, []);
          const longest = Math.max(...recoveries);
          context.diagnostic(`${accepted.size} jobs, ${kills} kills, recovered in at most ${longest} ms`);
          assert.ok(longest < longestRecoveryMs, recoveries.join(" "));
        } finally {
          await load.end();
          await server.stop();
          await rm(folder, { recursive: true, force: true });
        }
      },
    );
  });

/** Every job that was taken ran to its end, once, and there is no other. */
async function nothingLost(
  { call }: ServerProcess,
  accepted: ReadonlyMap<string, string>,
  starts: string,
): Promise<void> {
  for (const jobId of accepted.values())
    assert.equal((await waitForJob(call, jobId, (job) => job.is_terminal, 120_000)).status, "completed");
  const { total } = await call("GET /api/cloud/jobs", { query: { limit: 1 } });
  assert.equal(total, accepted.size);
  const begun = (await readFile(starts, "utf8")).trim().split("\n");
  assert.deepEqual(begun.toSorted(), [...accepted.keys()].sort());
  const params = { database: "state" } as const;
  assert.deepEqual((await call("GET /api/database/verify/{database}", { params })).problems, []);
}
