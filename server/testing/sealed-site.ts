import { randomUUID } from "node:crypto";
import { statePaths } from "../config/state-paths.ts";
import { credentialKeys } from "../credential-key.ts";
import type { JobDatabase } from "../db/job-database.ts";
import { type SecretBox, secretBox } from "../domain/sealed-secret.ts";
import type { FreshDatabase } from "./test-database.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "./test-server.ts";
import { eventually, trainerScript } from "./trainer-scripts.ts";

/** A server with one of each thing that is sealed at rest, made the way people make them; on the tests' usual database unless one is given. */
export async function startSealedSite(
  env: NodeJS.ProcessEnv = {},
  database?: FreshDatabase,
): Promise<TestServer> {
  const server = await startTestServer({
    ...(database && { database }),
    script: trainerScript("true"),
    env: { SIMPLETUNER_UPLOAD_DRAIN_SECONDS: "0", ...env },
  });
  const { dataloader } = await makeDataset(server.folder);
  const { job_id } = await server.call("POST /api/cloud/jobs/submit", {
    body: {
      config: {
        max_train_steps: 1,
        hub_token: "hf_of_the_job",
        webhook_config: [{ auth_token: "of_the_hook" }],
      },
      dataloader_config: [{ ...dataloader[0], aws_secret_access_key: "of_the_dataset" }],
    },
  });
  await waitForJob(server.call, job_id, ({ status }) => status === "completed");
  await eventually("the end of the job's own credential", async () => {
    const left = await server.database((db) => db.selectFrom("upload_tokens").select("job_id").execute());
    return left.length === 0 || null;
  });
  await server.call("POST /api/cloud/storage-keys", { body: { name: "laptop" } });
  await server.call("PUT /api/cloud/providers/{provider}/config", {
    params: { provider: "replicate" },
    body: { proxy_url: "http://ada:of_the_proxy@proxy.test:3128" },
  });
  await addDestination(server, "Team bucket", "of_the_bucket");
  await server.call("PUT /api/audit/export-config", {
    body: { format: "json", webhook_url: "https://collector.invalid/", auth_token: "of_the_collector" },
  });
  // Of a job that runs; that of the one above goes with its end.
  const token = {
    access_key_id: "STUsealed",
    job_id: "runs",
    sealed_secret: boxOf(server).seal("of_the_upload"),
  };
  await server.database((db) =>
    db
      .insertInto("upload_tokens")
      .values({ ...token, created_at: Date.now() })
      .execute(),
  );
  return server;
}

/** Adds a bucket whose secret is sealed. */
export async function addDestination(server: TestServer, name: string, secret: string): Promise<string> {
  const { destination } = await server.call("POST /api/cloud/destinations", {
    body: {
      name,
      settings: {
        kind: "s3",
        preset: "minio",
        endpoint: "https://s3.test",
        region: "us-east-1",
        bucket: "external",
        prefix: "models",
        folder: "{name}-{id}",
        path_style: true,
        public_base_url: null,
        access_key_id: "replica",
        include_samples: true,
        include_checkpoints: false,
      },
      secret_access_key: secret,
      is_default: false,
    },
  });
  return destination.destination_id;
}

/** Snapshots of jobs that are over, straight into the database, each with a secret of its own. */
export async function addSnapshots(db: JobDatabase, box: SecretBox, howMany: number): Promise<void> {
  const rows = Array.from({ length: howMany }, (_, index) => ({
    job_id: randomUUID(),
    config: JSON.stringify({ hub_token: box.seal(`hf_${index}`), note: "naïve, 日本" }),
    dataloader: "[]",
    plan: "{}",
  }));
  for (let from = 0; from < rows.length; from += 200)
    await db
      .insertInto("job_snapshots")
      .values(rows.slice(from, from + 200))
      .execute();
}

/** A box of the keys as they lie on the disk now. */
export function boxOf(server: Pick<TestServer, "stateDir" | "env">): SecretBox {
  return secretBox(credentialKeys(statePaths(server.stateDir).credentialKey, server.env));
}

/** Everything sealed in a database, whatever table it is in: `table.column row` and what each opens to. */
export async function everythingSealed(db: JobDatabase, box: SecretBox): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const { name } of await db.introspection.getTables()) {
    const rows = (await db
      .selectFrom(name as "jobs")
      .selectAll()
      .execute()) as unknown as Record<string, unknown>[];
    for (const row of rows)
      for (const [column, value] of Object.entries(row))
        for (const [sealed] of String(value).matchAll(/sealed:v\d:[\w:-]+/g))
          found.set(`${name}.${column} ${Object.values(row)[0]} ${found.size}`, box.open(sealed));
  }
  return found;
}
