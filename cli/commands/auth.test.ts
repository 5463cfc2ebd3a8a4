import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  codeOf,
  eventsOf,
  goodPassword,
  login,
  openBrowser,
} from "@simpletuner-cloud/server/testing/account-clients.ts";
import { startTestServer, type TestServer } from "@simpletuner-cloud/server/testing/test-server.ts";
import { runCli } from "../program.ts";
import { capturedIo } from "../testing/captured-io.ts";
import { fakeServer } from "../testing/fake-server.ts";

let server: TestServer;
let secret: string;
let key: string | undefined;

/** Runs a command line with the key that was made. */
async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = key === undefined ? server.env : { ...server.env, SIMPLETUNER_API_KEY: key };
  const { io, read } = capturedIo({ env });
  const code = await runCli(["--server", server.url, "auth", ...args], io);
  return { code, ...read() };
}

before(async () => {
  server = await startTestServer({ accounts: true });
  secret = join(server.folder, "password");
  await writeFile(secret, `${goodPassword}\nand something below it\n`);
});
after(() => server.close());

test("from nothing to a first account and a key, without a browser", async () => {
  assert.match((await cli("status")).out, /one person, without accounts/);
  const made = await cli("setup", "-u", "root", "-e", "root@example.org", "--password-file", secret);
  assert.equal(made.code, 0, made.err);
  assert.match(made.out, /root is the administrator/);
  const locked = await cli("users", "list");
  assert.equal(locked.code, 1);
  assert.match(locked.err, /SIMPLETUNER_API_KEY; make one with: .*auth keys create/);
  const wrong = await cli("keys", "create", "laptop", "--username", "root", "--password", "wrong");
  assert.match(wrong.err, /name or the password is not right/);
  const { out, code } = await cli(
    "keys",
    "create",
    "laptop",
    "-u",
    "root",
    "--password-file",
    secret,
    "--days",
    "30",
  );
  assert.equal(code, 0);
  key = /^export SIMPLETUNER_API_KEY=(st_\w{32})\n$/.exec(out)?.[1];
  assert.match(
    (await cli("status")).out,
    /1 user, registration is closed\.\nYou are root, an administrator\./,
  );
  assert.match((await cli("users", "me")).out, /^Name +root\n/);
  assert.match(
    (await cli("setup", "-u", "xyz", "-e", "x@y", "-p", goodPassword)).err,
    /already has an administrator/,
  );
});

test("users are made, changed, invited, switched and deleted", async () => {
  const ada = ["users", "create", "-u", "ada", "-e", "ada@example.org"];
  const made = await cli(...ada, "--levels", "viewer, researcher");
  assert.equal(made.code, 0, made.err);
  assert.match(
    made.out,
    /Made ada \(researcher,viewer\)\.\nLink to choose a password, until .*: http.*\/invite#[\w-]{43}\n/,
  );
  assert.match((await cli(...ada)).err, /another user already has this one/);
  assert.match((await cli("users", "list")).out, /ada +ada@example\.org +researcher,viewer +invited +never/);
  assert.match((await cli("users", "invite", "ADA@example.org")).out, /^http.*\/invite#[\w-]{43}\n$/);
  assert.equal((await cli("users", "update", "ada", "-d", "Ada", "--password-file", secret)).code, 0);
  const browser = openBrowser(server);
  await login(browser, "ada");
  assert.match((await cli("users", "get", "ada")).out, /On screen +Ada\n[^]*State +active/);
  assert.match((await cli("users", "sign-out", "ada")).out, /Ended 1 session\./);
  assert.equal((await cli("users", "deactivate", "ada")).code, 0);
  assert.doesNotMatch((await cli("users", "list")).out, /ada/);
  const off = JSON.parse((await cli("users", "list", "--include-inactive", "-f", "json")).out) as {
    total: number;
  };
  assert.equal(off.total, 2);
  assert.equal((await cli("users", "activate", "ada")).code, 0);
  assert.match((await cli("users", "delete", "ada")).err, /--force/);
  assert.equal((await cli("users", "delete", "ada", "--force")).code, 0);
  assert.match((await cli("users", "get", "ada")).err, /There is no user ada/);
  assert.match((await cli("users", "update", "root", "--no-admin")).err, /without an administrator/);
});

test("levels and single permissions, and why somebody may", async () => {
  await cli(
    "users",
    "create",
    "-u",
    "carl",
    "-e",
    "carl@example.org",
    "--levels",
    "viewer",
    "--password-file",
    secret,
  );
  const level = ["users", "levels"];
  assert.equal(
    (await cli(...level, "create", "curator", "--permissions", "config.*, queue.view", "--priority", "5"))
      .code,
    0,
  );
  assert.match((await cli(...level, "list")).out, /curator +5 +0 +no +config\.\*,queue\.view/);
  assert.match((await cli("users", "assign-level", "carl", "curator")).out, /carl holds: curator, viewer\./);
  assert.match(
    (await cli("users", "set-permission", "carl", "config.delete.all", "--denied")).out,
    /taken from carl/,
  );
  const why = (await cli("users", "permissions", "carl")).out;
  assert.match(why, /config\.delete\.all +no +taken away, though curator holds it/);
  assert.match(why, /queue\.view +yes +level curator/);
  assert.match(
    (await cli("users", "set-permission", "carl", "job.submit")).err,
    /either --granted or --denied/,
  );
  assert.equal((await cli("users", "remove-permission", "carl", "config.delete.all")).code, 0);
  assert.equal((await cli(...level, "update", "curator", "--permissions", "queue.view")).code, 0);
  assert.match((await cli("users", "permissions", "carl")).out, /config\.create +no +no level holds it/);
  assert.match((await cli(...level, "update", "viewer", "--permissions", "job.submit")).err, /built in/);
  assert.equal((await cli(...level, "delete", "curator")).code, 0);
  assert.match((await cli("users", "remove-level", "carl", "viewer")).out, /carl holds: none\./);
  assert.match((await cli("users", "permissions")).out, /^job\.submit\n/);
});

test("keys are listed by their beginning and revoked", async () => {
  const { out } = await cli("keys", "create", "script", "--scopes", "job.view.own", "-f", "json");
  const { key_info } = JSON.parse(out) as { key_info: { key_prefix: string } };
  assert.match(
    (await cli("keys", "list")).out,
    new RegExp(`${key_info.key_prefix}… +script +job\\.view\\.own`),
  );
  assert.match((await cli("keys", "revoke", `${key_info.key_prefix}…`)).out, /Revoked script\./);
  assert.doesNotMatch((await cli("keys", "list")).out, /script/);
  assert.match((await cli("keys", "revoke", "nonsense")).err, /no API key nonsense/);
});

test("whoever sits at the machine gets back in, with the server running and stopped", async () => {
  const set = (name: string, word: string, ...more: string[]) =>
    cli(
      "users",
      "set-password",
      name,
      "--local",
      "--state-dir",
      server.stateDir,
      "--password",
      word,
      ...more,
    );
  const browser = openBrowser(server);
  await login(browser, "root");
  for (let time = 0; time < 6; time++) await codeOf(login(openBrowser(server), "root", "wrong"));
  assert.equal(await codeOf(login(openBrowser(server), "root")), "too_many_attempts");
  assert.equal(
    (await set("ROOT@example.org", "another lighthouse")).out,
    "root has a new password and may sign in at once.\n",
  );
  assert.equal(await codeOf(browser.call("GET /api/auth/me")), "credential_refused");
  await login(openBrowser(server), "root", "another lighthouse");
  await server.stop();
  assert.equal((await set("root", "a third lighthouse")).code, 0);
  assert.match((await set("root", "short")).err, /at least 8 are needed/);
  assert.match((await set("nobody", goodPassword)).err, /There is no user nobody/);
  const nowhere = await cli(
    "users",
    "set-password",
    "root",
    "--local",
    "--state-dir",
    join(server.folder, "none"),
    "-p",
    "x",
  );
  assert.match(nowhere.err, /There is no database/);
  await server.restart();
  await login(openBrowser(server), "root", "a third lighthouse");
  const recovered = (await eventsOf(server, "user.password.changed")).filter(({ by }) => by === "recovery");
  assert.equal(recovered.length, 2);
  assert.deepEqual([recovered[0]?.["actor_id"], recovered[0]?.["target_name"]], ["", "root"]);
  assert.equal((await cli("users", "set-password", "root", "--password-file", secret)).code, 0);
});

test("a password is never asked for where nobody can be asked", async () => {
  const { code, err } = await cli("users", "set-password", "root", "--local", "--state-dir", server.stateDir);
  assert.equal(code, 1);
  assert.match(err, /--password-file/);
  assert.match(
    (await cli("users", "set-password", "root", "--password-file", "/no/such")).err,
    /cannot be read \(ENOENT\)/,
  );
});

test("every command sends the key of the environment", async () => {
  const keys: unknown[] = [];
  const fake = await fakeServer({});
  await using _ = fake;
  for (const route of ["GET", "POST", "PUT", "PATCH", "DELETE"])
    for (let parts = 1; parts <= 8; parts++)
      fake.routes[`${route} /${Array.from({ length: parts }, () => "*").join("/")}`] = ({ headers }) => {
        keys.push(headers["x-api-key"]);
        return {};
      };
  const lines = [
    ["jobs", "list"],
    ["jobs", "get", "x"],
    ["jobs", "logs", "x"],
    ["jobs", "cancel", "x"],
    ["jobs", "retry", "x"],
    ["jobs", "download", "x", "--model"],
    ["jobs", "follow", "x"],
    ["jobs", "submit", "demo", "--yes"],
    ["configs", "list"],
    ["cost", "summary"],
    ["storage", "keys", "list"],
    ["status"],
    ["auth", "status"],
    ["auth", "users", "list"],
    ["auth", "keys", "list"],
  ];
  for (const line of lines) {
    keys.length = 0;
    const { io, interrupt, read } = capturedIo({ env: { SIMPLETUNER_API_KEY: "st_x" }, cwd: server.folder });
    const timer = setTimeout(interrupt, 2_000);
    await runCli(["--server", fake.url, ...line], io);
    clearTimeout(timer);
    assert.ok(keys.length > 0, `${line.join(" ")}: ${read().err}`);
    assert.deepEqual(new Set(keys), new Set(["st_x"]), line.join(" "));
  }
});
