import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { migrationNames } from "./db/migrate.ts";
import { connectDatabase } from "./db/open-database.ts";
import { startServer } from "./main.ts";
import { addUser, codeOf, goodPassword, login, openBrowser, setUp } from "./testing/account-clients.ts";
import { databaseSkip, type FreshDatabase, freshDatabase } from "./testing/test-database.ts";
import { makeDataset, startTestServer, waitForJob } from "./testing/test-server.ts";
import { quickTrainer } from "./testing/trainer-scripts.ts";

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

    test("several that start at the same moment on an empty database make its schema once", () =>
      withDatabase(async ({ address, env }, folder) => {
        const servers = await Promise.all(
          [1, 2, 3].map((number) =>
            startServer({
              stateDir: join(folder, `state ${number}`),
              port: 0,
              env: { ...process.env, ...env, SIMPLETUNER_LOG_LEVEL: "error" },
            }),
          ),
        );
        const answers = await Promise.all(
          servers.map(async ({ url }) => (await fetch(`${url}/api/cloud/health/ready`)).status),
        );
        await Promise.all(servers.map((server) => server.close()));
        assert.deepEqual(answers, [200, 200, 200]);
        const db = await connectDatabase(address);
        const rows = await db.selectFrom("schema_migrations").select("name").orderBy("name").execute();
        await db.destroy();
        assert.deepEqual(
          rows.map(({ name }) => name),
          migrationNames,
        );
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
