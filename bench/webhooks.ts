import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { statePaths } from "@simpletuner-cloud/server/config/state-paths.ts";
import { startReplicateEmulator } from "@simpletuner-cloud/e2e/replicate-emulator/emulator.ts";
import { seedJobs } from "./seed-jobs.ts";
import { serverProgram } from "./server-process.ts";

/**
 * Signed deliveries of webhooks, each found by the provider's id among many jobs, beside a bare receiver that only
 * checks the same signature, in one run. Usage: `node bench/webhooks.ts [jobs] [seconds]`
 */
const jobs = Number(process.argv[2] ?? 100_000);
const seconds = process.argv[3] ?? "5";
const goal = 3_000;
const run = promisify(execFile);
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Starts a program and resolves with its address, which it tells in JSON on standard error. */
function listening(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  return new Promise((resolve, reject) => {
    let text = "";
    child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
      const url = /"url":"([^"]+)"/.exec(text)?.[1];
      if (url !== undefined) resolve({ url, child });
    });
    child.once("exit", () => reject(new Error(text)));
  });
}

async function deliveriesPerSecond(url: string, secret: string): Promise<number> {
  const { stdout } = await run(process.execPath, [
    here("webhooks-load.ts"),
    url,
    secret,
    String(jobs),
    seconds,
  ]);
  const [perSecond = 0, refused = 0] = stdout.trim().split(" ").map(Number);
  if (refused > 32) throw new Error(`${refused} deliveries were not taken`);
  return perSecond;
}

const folder = await mkdtemp(join(tmpdir(), "webhooks-bench-"));
const emulator = await startReplicateEmulator();
try {
  await seedJobs(folder, jobs);
  const db = new DatabaseSync(statePaths(folder).database);
  db.exec("begin");
  const insert = db.prepare(
    "insert into external_runs (provider, external_id, job_id) values ('replicate', ?, ?)",
  );
  const ids = db.prepare("select id from jobs limit ?").all(jobs);
  for (const [index, { id }] of ids.entries()) insert.run(`run-${index}`, String(id));
  db.exec("commit");
  db.close();
  const server = await listening(serverProgram(), {
    ...process.env,
    SIMPLETUNER_STATE_DIR: folder,
    SIMPLETUNER_PORT: "0",
    SIMPLETUNER_LOG_FORMAT: "json",
    RATE_LIMIT_CALLS: "0",
    REPLICATE_API_TOKEN: emulator.token,
    REPLICATE_BASE_URL: emulator.baseUrl,
  });
  const secret = emulator.webhooks.secret();
  const bare = await listening([here("webhooks-bare-server.ts"), secret], process.env);
  const path = "/api/webhooks/replicate";
  await deliveriesPerSecond(server.url + path, secret);
  const ours = await deliveriesPerSecond(server.url + path, secret);
  const limit = await deliveriesPerSecond(bare.url + path, secret);
  console.log(
    `${ours.toFixed(0)} signed deliveries/s among ${jobs} jobs (goal ${goal}: ${ours >= goal ? "met" : "NOT met"}); bare node ${limit.toFixed(0)}/s, ratio ${(ours / limit).toFixed(2)}`,
  );
  for (const { child } of [server, bare]) child.kill("SIGTERM");
} finally {
  await emulator.close();
  await rm(folder, { recursive: true, force: true });
}
