import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { promisify } from "node:util";
import type { ConfigSnapshot } from "@simpletuner-cloud/contract/config-versions.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";

const run = promisify(execFile);
const hubToken = "hf_never_to_be_shown";

describe("versions of configurations", () => {
  let server: TestServer;
  let configs: string;
  const git = async (...args: string[]): Promise<string> =>
    (await run("git", ["-C", configs, ...args], { encoding: "utf8" })).stdout;
  const save = (name: string, config: Record<string, unknown>) =>
    server.call("PUT /api/configs/{name}", {
      params: { name },
      body: { config, dataloader_config: [{ id: "p", type: "local", instance_data_dir: "/data" }] },
    });
  const plain = (steps: number) => ({ model_family: "sdxl", max_train_steps: steps });
  const init = () => server.call("POST /api/git/init", { body: {} });
  const refusal = (call: Promise<unknown>) =>
    call.then(
      () => assert.fail("it was not refused"),
      (error: { code?: string }) => error.code,
    );

  beforeEach(async () => {
    // No name of whoever runs the tests: a commit must not need one.
    server = await startTestServer({
      script: "exit 0",
      env: { GIT_CONFIG_GLOBAL: "/dev/null", GIT_DIR: "/nowhere", HOME: "/nonexistent" },
    });
    configs = join(server.stateDir, "config");
  });
  afterEach(() => server.close());

  it("are kept from the first on, without the server's own files, and told with what is not committed", async () => {
    assert.equal(await refusal(server.call("GET /api/git/history", { query: {} })), "git_no_repository");
    await save("one", plain(10));
    const began = await init();
    assert.deepEqual(
      [began.repo_present, began.branch, began.dirty_count, began.snapshot_on_submit],
      [true, "main", 0, true],
    );
    const files = (await git("ls-tree", "-r", "--name-only", "HEAD")).trim().split("\n");
    assert.deepEqual(files, ["one/config.json", "one/multidatabackend.json"]);
    await save("one", plain(20));
    await save("two with.dots".replace(" ", "-"), plain(1));
    await server.call("PUT /api/configs/dataloaders/{name}", {
      params: { name: "lists" },
      body: { datasets: [{ id: "p", type: "local", instance_data_dir: "/data" }] },
    });
    const { dirty_paths, identity_configured } = await server.call("GET /api/git/status");
    assert.deepEqual(dirty_paths.sort(), [
      "cloud/dataloaders/lists.json",
      "one/config.json",
      "two-with.dots/config.json",
      "two-with.dots/multidatabackend.json",
    ]);
    assert.equal(identity_configured, false);
    const named = await server.call("POST /api/git/identity", {
      body: { name: "Ada", email: "ada@example.org" },
    });
    assert.equal(named.identity_configured, true);
    const taken = await server.call("POST /api/git/snapshot", { body: { message: "more steps" } });
    assert.equal(taken.committed, true);
    assert.equal((await server.call("POST /api/git/snapshot", { body: {} })).committed, false);
    const { commits, has_more } = await server.call("GET /api/git/history", {
      query: { name: "one", limit: 1 },
    });
    assert.deepEqual(
      commits.map(({ commit, message, author }) => [commit, message, author]),
      [[taken.commit, "more steps", "Ada"]],
    );
    assert.equal(has_more, true);
  });

  it("come back whole, refuse to overwrite what changed meanwhile, and hide secrets in their patches", async () => {
    await save("one", { ...plain(10), hub_token: hubToken });
    await init();
    const [first] = (await server.call("GET /api/git/history", { query: {} })).commits;
    const changed = await save("one", { ...plain(99), hub_token: hubToken });
    const { patch } = await server.call("GET /api/git/diff", { query: {} });
    assert.match(patch, /-.*"max_train_steps": 10,\n\+.*"max_train_steps": 99/);
    const whole = await server.call("GET /api/git/diff", { query: { commit: first?.commit ?? "" } });
    assert.match(whole.patch, /"hub_token": "\*{8}"/);
    assert.ok(!whole.patch.includes(hubToken));
    const revert = (if_version: string) =>
      server.call("POST /api/git/revert", { body: { name: "one", commit: first?.abbrev ?? "", if_version } });
    assert.equal(await refusal(revert("0000")), "config_exists_changed");
    const back = await revert(changed.version);
    assert.equal(back.config["max_train_steps"], 10);
    assert.match(await readFile(join(configs, "one", "config.json"), "utf8"), new RegExp(hubToken));
    const absent = { body: { name: "none", commit: first?.commit ?? "" } };
    assert.equal(await refusal(server.call("POST /api/git/revert", absent)), "config_not_found");
    const unknown = { body: { name: "one", commit: "dead".repeat(10) } };
    assert.equal(await refusal(server.call("POST /api/git/revert", unknown)), "git_refused");
  });

  it("are pushed and pulled forward, but not with a secret in them", async () => {
    await save("one", plain(10));
    await init();
    const bare = join(server.folder, "bare.git");
    await run("git", ["init", "--quiet", "--bare", bare]);
    for (const remote of ["ext::sh -c touch% /tmp/x", "file:///etc", "-uevil", "git://host/x"])
      assert.equal(
        await refusal(server.call("POST /api/git/remote", { body: { remote } })),
        "validation_error",
      );
    await server.call("POST /api/git/remote", { body: { remote: bare } });
    const pushed = await server.call("POST /api/git/push");
    assert.deepEqual([pushed.remote, pushed.ahead], [bare, 0]);
    await save("one", { ...plain(10), hub_token: hubToken });
    assert.equal(
      await refusal(server.call("POST /api/git/snapshot", { body: { push: true } })),
      "config_holds_secrets",
    );
    assert.equal((await server.call("GET /api/git/status")).ahead, 1);
    await server.call("POST /api/git/pull");
    await rm(bare, { recursive: true });
    assert.equal(await refusal(server.call("POST /api/git/pull")), "git_refused");
  });

  it("never run what a repository carries", async () => {
    await save("one", plain(10));
    await init();
    const hook = join(configs, ".git", "hooks", "pre-commit");
    await mkdir(join(hook, ".."), { recursive: true });
    await writeFile(hook, `#!/bin/sh\ntouch ${join(server.folder, "ran")}\nexit 1\n`, { mode: 0o755 });
    await save("one", plain(11));
    assert.equal((await server.call("POST /api/git/snapshot", { body: {} })).committed, true);
    await assert.rejects(readFile(join(server.folder, "ran")), /ENOENT/);
  });

  it("are not kept in a repository that only lies around the folder", async () => {
    await mkdir(configs, { recursive: true });
    await run("git", ["-C", server.stateDir, "init", "--quiet"]);
    assert.equal((await server.call("GET /api/git/status")).repo_present, false);
  });

  it("ask for their permissions", async () => {
    const viewer = server.as("viewer");
    await viewer("GET /api/git/status");
    assert.equal(await refusal(viewer("POST /api/git/init", { body: {} })), "permission_denied");
    assert.equal(await refusal(server.as("author")("POST /api/git/push")), "permission_denied");
  });
});

describe("the version of a job", () => {
  let server: TestServer;
  let dataloader: Record<string, unknown>[];
  const submit = async (body: Record<string, unknown>) => {
    const { job_id, job } = await server.call("POST /api/cloud/jobs/submit", {
      body: { dataloader_config: dataloader, ...body },
    });
    return { job_id, snapshot: job.metadata["snapshot"] as ConfigSnapshot | undefined };
  };
  const config = { model_family: "sdxl", max_train_steps: 5, hub_token: hubToken };

  before(async () => {
    server = await startTestServer({ script: "exit 0", env: { GIT_CONFIG_GLOBAL: "/dev/null" } });
    ({ dataloader } = await makeDataset(server.folder));
  });
  after(() => server.close());

  it("is committed at its submit where versions are kept, and a failure to do so stops no job", async () => {
    assert.equal((await submit({ config })).snapshot, undefined);
    await server.call("PUT /api/configs/{name}", { params: { name: "base" }, body: { config } });
    await server.call("POST /api/git/init", { body: {} });
    const clean = await submit({ config_name_to_load: "base" });
    assert.deepEqual([clean.snapshot?.was_dirty, clean.snapshot?.auto_generated], [false, true]);
    assert.match(clean.snapshot?.name ?? "", /^env-\d{8}-\d{6}$/);
    await server.call("PUT /api/configs/{name}", {
      params: { name: "base" },
      body: { config: { ...config, max_train_steps: 6 } },
    });
    const two = await Promise.all([
      submit({ config_name_to_load: "base", snapshot_name: "bigger", snapshot_message: "six steps" }),
      submit({ config_name_to_load: "base", tracker_run_name: "other" }),
    ]);
    const committed = two.map(({ snapshot }) => snapshot?.commit);
    assert.equal(committed[0], committed[1]);
    assert.notEqual(committed[0], clean.snapshot?.commit);
    const [newest] = (await server.call("GET /api/git/history", { query: {} })).commits;
    assert.equal(newest?.commit, committed[0]);
    assert.match(newest?.message ?? "", /^(six steps|pre-submit: other)$/);
    await writeFile(join(server.stateDir, "config", ".git", "index.lock"), "");
    await server.call("PUT /api/configs/{name}", { params: { name: "base" }, body: { config } });
    const locked = await submit({ config_name_to_load: "base" });
    assert.match(locked.snapshot?.error ?? "", /index\.lock/);
    await waitForJob(server.call, locked.job_id, (job) => job.is_terminal);
    await rm(join(server.stateDir, "config", ".git", "index.lock"));
  });

  it("is compared with another's, and saved again as a configuration, for those who may", async () => {
    const one = await submit({ config });
    const two = await submit({ config: { ...config, max_train_steps: 7, hub_token: "hf_another" } });
    const { differences } = await server.call("GET /api/cloud/jobs/{job_id}/config/diff", {
      params: { job_id: two.job_id },
      query: { with: one.job_id },
    });
    assert.deepEqual(differences, [{ path: "/config/max_train_steps", before: 5, after: 7 }]);
    const stranger = server.as("ada")("GET /api/cloud/jobs/{job_id}/config/diff", {
      params: { job_id: two.job_id },
      query: { with: one.job_id },
    });
    await assert.rejects(stranger, { code: "job_not_found" });
    const restore = (name: string, as = server.call) =>
      as("POST /api/cloud/jobs/{job_id}/config/save", { params: { job_id: two.job_id }, body: { name } });
    assert.equal((await restore("again")).config["max_train_steps"], 7);
    await assert.rejects(restore("again"), { code: "config_exists_changed" });
    const file = await readFile(join(server.stateDir, "config", "again", "config.json"), "utf8");
    assert.match(file, /hf_another/);
  });
});
