import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startS3TestServer } from "@simpletuner-cloud/server/http/s3/s3-test-server.ts";
import { repository, runProgram } from "./testing/run-program.ts";

/**
 * Runs ceph's s3-tests (https://github.com/ceph/s3-tests, written against commit 8f0ae7b) against the storage endpoint.
 * Usage: `node e2e/s3-tests.ts --checkout <folder of s3-tests> [--list core|stretch] [--only <part of a name>] [--log <file>]`
 * with `PYTHON` naming an interpreter that has pytest and the checkout's requirements. Prints `passed/total` and the
 * names of what failed; a test is tried once. Exits 1 when one of `core` failed.
 */

/** The names of one list: `e2e/s3-tests-core.txt` must pass, `e2e/s3-tests-stretch.txt` is counted. */
async function namesOf(list: string): Promise<string[]> {
  const text = await readFile(join(repository, "e2e", `s3-tests-${list}.txt`), "utf8");
  return text.split("\n").filter((line) => line !== "");
}

/** The tests' node ids of pytest by name, found in the files of the checkout. */
async function testIds(checkout: string): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  const folder = join("s3tests", "functional");
  for (const file of await readdir(join(checkout, folder))) {
    if (!/^test_.*\.py$/.test(file)) continue;
    const source = await readFile(join(checkout, folder, file), "utf8");
    for (const [, name = ""] of source.matchAll(/^def (test_\w+)\(/gm))
      if (!ids.has(name)) ids.set(name, `${folder}/${file}::${name}`);
  }
  return ids;
}

/** One account of the configuration; ours all show the one owner that the endpoint knows. */
function account(section: string, key: string): string {
  return `[${section}]
display_name = simpletuner-cloud
user_id = simpletuner-cloud
email = ${key}@example.com
api_name = default
access_key = ${key}-key
secret_key = ${key}-secret
tenant = ${key}
`;
}

function configuration(port: number): string {
  const head = `[DEFAULT]\nhost = 127.0.0.1\nport = ${port}\nis_secure = False\n[fixtures]\nbucket prefix = t-{random}-\n`;
  const accounts = ["s3 main", "s3 alt", "s3 tenant", "iam", "iam root", "iam alt root"];
  return head + accounts.map((section) => account(section, section.replaceAll(" ", "-"))).join("");
}

/** Each name with the word that pytest ends its line with. */
function outcomesIn(output: string): Map<string, string> {
  const outcomes = new Map<string, string>();
  for (const [, outcome = "", name = ""] of output.matchAll(
    /^(PASSED|FAILED|ERROR|SKIPPED) \S*?::(test_\w+)/gm,
  )) {
    // A test that passed and could not be cleaned up after is listed twice.
    if (outcomes.get(name) === undefined || outcome !== "PASSED") outcomes.set(name, outcome);
  }
  return outcomes;
}

async function runTests(checkout: string, names: readonly string[]): Promise<string> {
  const server = await startS3TestServer({ pathPrefix: "", allowPublicAcls: true });
  // One of the tests counts all buckets.
  await server.storage.deleteBucket("outputs");
  const scratch = await mkdtemp(join(tmpdir(), "s3-tests-"));
  try {
    const everything = { bucket: "*", prefix: "" };
    const own = (name: string) => ({ bucket: name, prefix: "" });
    for (const [name, scope] of [
      ["s3-main", everything],
      ["s3-alt", own("s3-alt")],
      ["s3-tenant", everything],
    ] as const)
      server.credentials.set(`${name}-key`, {
        secretAccessKey: `${name}-secret`,
        scope,
        access: "readwrite",
        jobId: null,
      });
    const configurationFile = join(scratch, "s3tests.conf");
    await writeFile(configurationFile, configuration(server.port));
    const known = await testIds(checkout);
    const ids = names.map((name) => known.get(name) ?? name);
    const env = { ...process.env, S3TEST_CONF: configurationFile, AWS_EC2_METADATA_DISABLED: "true" };
    const options = ["-m", "pytest", "-q", "-rA", "--tb=short", "-p", "no:cacheprovider", "--no-header"];
    await using pytest = runProgram(process.env["PYTHON"] ?? "python3", [...options, ...ids], {
      cwd: checkout,
      env,
    });
    await pytest.ended;
    const failures = server.failures.map(
      (failure) => `SERVER FAILURE ${String((failure as { err?: Error }).err?.stack)}\n`,
    );
    return pytest.output() + failures.join("");
  } finally {
    await server.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: {
    checkout: { type: "string" },
    list: { type: "string", default: "core" },
    only: { type: "string", default: "" },
    log: { type: "string" },
  },
});
if (values.checkout === undefined || !["core", "stretch"].includes(values.list)) {
  console.error(
    "Usage: node e2e/s3-tests.ts --checkout <folder> [--list core|stretch] [--only <part of a name>] [--log <file>]",
  );
  process.exit(2);
}
const names = (await namesOf(values.list)).filter((name) => name.includes(values.only));
const output = await runTests(values.checkout, names);
if (values.log !== undefined) await writeFile(values.log, output);
const outcomes = outcomesIn(output);
const failed = names.filter((name) => outcomes.get(name) !== "PASSED");
if (outcomes.size === 0) console.error(output);
console.log(`${names.length - failed.length}/${names.length} of ${values.list}`);
for (const name of failed) console.log(`${outcomes.get(name) ?? "NOT RUN"} ${name}`);
process.exitCode = failed.length > 0 && values.list === "core" ? 1 : 0;
