import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { migrationNames } from "./db/migrate.ts";
import { connectDatabase } from "./db/open-database.ts";
import { addUser, codeOf, goodPassword, login, openBrowser, setUp } from "./testing/account-clients.ts";
import { runServer, startServerProcess } from "./testing/server-process.ts";
import { databaseSkip, type FreshDatabase, freshDatabase } from "./testing/test-database.ts";
import { startQuietly } from "./testing/test-log.ts";
import { makeDataset, startTestServer, waitForJob } from "./testing/test-server.ts";
import { quickTrainer } from "./testing/trainer-scripts.ts";

const alreadyUsed =
  /Another server \(.+\) already uses the database .+ Stop it, .* SIMPLETUNER_REPLICAS=true for each\.$/;

for (const kind of ["postgres", "mariadb"] as const)
  describe(`the whole server on ${kind}`, { skip: databaseSkip(kind) }, () => {
    const withDatabase = async (work: (database: FreshDatabase, folder: string) => Promise<void>) => {
      const folder = await mkdtemp(join(tmpdir(), "on a server "));
      const database = await freshDatabase(kind, folder);
      try {
        await work(database, folder);
      } finally {
        await database.drop();
        await rm(folder, { recursive: true, force: true });
      }
    };

    test("several that start at the same moment on an empty database make its schema once, and one of them has it", () =>
      withDatabase(async ({ address, env }, folder) => {
        const starts = await Promise.allSettled(
          [1, 2, 3].map((number) =>
            startQuietly({
              stateDir: join(folder, `state ${number}`),
              port: 0,
              env: { ...process.env, ...env, SIMPLETUNER_LOG_LEVEL: "error" },
            }),
          ),
        );
        const [server, ...more] = starts.flatMap((start) =>
          start.status === "fulfilled" ? start.value : [],
        );
        assert.ok(server);
        assert.deepEqual(more, []);
        assert.equal((await fetch(`${server.url}/api/cloud/health/ready`)).status, 200);
        for (const start of starts)
          if (start.status === "rejected") assert.match(String(start.reason), alreadyUsed);
        await server.close();
        const db = await connectDatabase(address);
        const rows = await db.selectFrom("schema_migrations").select("name").orderBy("name").execute();
        await db.destroy();
        assert.deepEqual(
          rows.map(({ name }) => name),
          migrationNames,
        );
      }));

    test("a second one with another folder does not start, a killed one does at once, and one whose place was taken stops", () =>
      withDatabase(async ({ address, env }, folder) => {
        const [ours, theirs] = ["ours", "theirs"].map((name) => ({
          ...env,
          SIMPLETUNER_STATE_DIR: join(folder, name),
        }));
        let server = await startServerProcess({ ...ours });
        const db = await connectDatabase(address);
        try {
          const second = await runServer({ ...theirs });
          assert.equal(second.code, 1, second.stderr);
          assert.match(second.stderr.trimEnd().split("\n").at(-1) ?? "", alreadyUsed);
          assert.ok(second.stderr.includes(join(folder, "ours")), second.stderr);
          assert.equal((await fetch(`${server.url}/api/cloud/health/ready`)).status, 200);
          await server.kill();
          server = await startServerProcess({ ...ours });
          assert.doesNotMatch(server.log(), /waiting whether another server/);
          const other = { server_id: "other", run_id: "other", is_shared: 0, place: "elsewhere:/state" };
          await db.transaction().execute(async (transaction) => {
            const { seen_at } = await transaction
              .selectFrom("servers")
              .select("seen_at")
              .executeTakeFirstOrThrow();
            await transaction.deleteFrom("servers").execute();
            await transaction
              .insertInto("servers")
              .values({ ...other, seen_at: seen_at + 60_000 })
              .execute();
          });
          assert.equal(await server.exited, 1);
          assert.match(server.log(), /Another server \(elsewhere:\/state\) already uses the database/);
          assert.equal((await db.selectFrom("servers").selectAll().execute()).length, 1, "the other's place");
        } finally {
          await db.destroy();
          await server.kill();
        }
      }));

    test("people, a job with its log and outputs, the audit and the check, also after a restart", () =>
      withDatabase(async (database) => {
        const kept = { ...database, drop: async () => undefined };
        const server = await startTestServer({ accounts: true, script: quickTrainer, database: kept });
        try {
          const root = await setUp(server);
          await addUser(root, "rita");
          const rita = openBrowser(server);
          await login(rita, "rita");
          assert.equal(await codeOf(rita.call("GET /api/database/stats")), "permission_denied");
          const { dataloader } = await makeDataset(server.folder);
          const config = { model_family: "test", max_train_steps: 1 };
          const { job_id } = await rita.call("POST /api/cloud/jobs/submit", {
            body: { name: "Küste – तट 🌊", config, dataloader_config: dataloader },
          });
          const params = { job_id };
          const job = await waitForJob(rita.call, job_id, ({ is_terminal }) => is_terminal, 60_000);
          assert.deepEqual([job.status, job.name], ["completed", "Küste – तट 🌊"]);
          await server.restart();
          const { lines } = await rita.call("GET /api/cloud/jobs/{job_id}/logs", { params });
          assert.ok(lines.some(({ text }) => text.includes("Training step 1/1 loss=0.5")));
          const { artifacts } = await rita.call("GET /api/cloud/jobs/{job_id}/artifacts", { params });
          assert.ok(artifacts.some(({ key }) => key.endsWith("pytorch_lora_weights.safetensors")));
          const audit = await root.call("GET /api/audit/verify", { query: {} });
          assert.equal(audit.valid, true);
          assert.ok(audit.entries_checked >= 2);
          const verdict = await root.call("GET /api/database/verify/{database}", {
            params: { database: "state" },
          });
          assert.deepEqual([verdict.problems, verdict.rows["jobs"]], [[], 1]);
          const health = await root.call("GET /api/database/health");
          assert.equal(health.engine, kind === "postgres" ? "PostgreSQL" : "MariaDB");
          assert.equal(
            await codeOf(login(openBrowser(server), "rita", `${goodPassword}!`)),
            "sign_in_failed",
          );
        } finally {
          await server.close();
        }
      }));
  });
