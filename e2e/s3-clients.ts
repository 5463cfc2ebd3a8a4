import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { testNeeds } from "../scripts/test-needs.ts";
import { repository } from "./testing/run-program.ts";

/**
 * Puts every S3 client to the test against the built server with files of 1 GiB, and prints how long each took for
 * what; `npm test` does the same with small ones. Usage, after `npm run build`: `node e2e/s3-clients.ts [--mib 1024]
 * [--only <pattern of names>]`. Needs 4 times the size below the folder for temporary files.
 */
const { values } = parseArgs({
  options: { mib: { type: "string", default: "1024" }, only: { type: "string", default: "" } },
});
const bytes = Number(values.mib) * 1024 * 1024;
if (!Number.isSafeInteger(bytes) || bytes < 20 * 1024 * 1024) {
  console.error("--mib must be a whole number from 20 on: clients make several parts of the file.");
  process.exit(2);
}
const files = ["s3-clients.test.ts", "s3-virtual-hosts.test.ts"].map((name) => join(repository, "e2e", name));
const pattern = values.only === "" ? [] : [`--test-name-pattern=${values.only}`];
const { status } = spawnSync(
  process.execPath,
  ["--test", "--test-isolation=none", "--test-concurrency=1", ...pattern, ...files],
  { stdio: "inherit", env: { ...process.env, ...testNeeds(process.env), S3_CLIENT_BYTES: String(bytes) } },
);
process.exitCode = status ?? 1;
