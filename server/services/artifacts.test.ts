import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { ApiError, errorOf, routeUrl } from "@simpletuner-cloud/contract/client.ts";
import type { ErrorCode } from "@simpletuner-cloud/contract/errors.ts";
import { extractArchive } from "../packaging/extract-archive.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "../testing/test-server.ts";
import { eventually, killProcessesOf, trainerScript } from "../testing/trainer-scripts.ts";
import { entryName } from "./artifact-archive.ts";

/** A safetensors file of one tensor of `count` 32-bit floats. */
function safetensors(count: number, header?: string): Buffer {
  const data = Buffer.alloc(count * 4, 1);
  const text =
    header ??
    JSON.stringify({
      __metadata__: { format: "pt" },
      "up.weight": { dtype: "F32", shape: [count], data_offsets: [0, data.length] },
    });
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
  return Buffer.concat([length, Buffer.from(text), data]);
}

const bigBytes = 24 << 20;
const given: Record<string, Buffer> = {
  "pytorch_lora_weights.safetensors": safetensors(4),
  "checkpoint-2/pytorch_lora_weights.safetensors": safetensors(2),
  "checkpoint-2/training_state.json": Buffer.from("{}"),
  "checkpoint-200/pytorch_lora_weights.safetensors": safetensors(300_000),
  "checkpoint-200/optimizer.bin": Buffer.alloc(3 << 20, 7),
  "checkpoint-200/शुरू %5C a.txt": Buffer.from("deep"),
  "checkpoint-300/big.bin": Buffer.alloc(bigBytes, 9),
  "debug/hostile/deep.safetensors": safetensors(0, "[".repeat(100_000)),
  "debug/hostile/long.safetensors": Buffer.alloc(64, 255),
  "debug/hostile/short.safetensors": Buffer.from("abc"),
};

describe("artifacts of a job", () => {
  let files: string;
  let server: TestServer;
  let jobId: string;
  let activeId: string;

  before(async () => {
    files = await mkdtemp(join(tmpdir(), "simpletuner given "));
    for (const [key, bytes] of Object.entries(given)) {
      await mkdir(join(files, key, ".."), { recursive: true });
      await writeFile(join(files, key), bytes);
    }
    server = await startTestServer({
      script: trainerScript(
        `if grep -q '"hold"' "$CONFIG_PATH"; then while :; do sleep 0.05; done; fi; cp -R "${files}/." "$out/"`,
      ),
    });
    const { dataloader } = await makeDataset(server.folder);
    const submit = async (config: Record<string, unknown>): Promise<string> => {
      const body = {
        config: { max_train_steps: 1, ...config },
        dataloader_config: dataloader,
        name: "मेरा: run/1",
      };
      return (await server.as("ada")("POST /api/cloud/jobs/submit", { body })).job_id;
    };
    jobId = await submit({});
    const done = await waitForJob(server.as("ada"), jobId, (job) => job.is_terminal);
    assert.equal(done.status, "completed", done.error_message ?? "");
    activeId = await submit({ tracker_project_name: "hold" });
    await waitForJob(server.as("ada"), activeId, (job) => job.status === "running");
  });
  after(async () => {
    await server?.close();
    if (server) await killProcessesOf(server.folder);
    await rm(files, { recursive: true, force: true });
  });

  const request = (method: string, path: string, query: Record<string, string>, user = "ada", id = jobId) =>
    fetch(`${server.url}/api/cloud/jobs/${id}/artifacts${path}?${new URLSearchParams(query)}`, {
      method,
      headers: { "x-test-user": user },
    });
  const refused = async (answer: Promise<Response>, code: ErrorCode): Promise<string> => {
    const response = await answer;
    assert.notEqual(response.status, 200);
    const error = await errorOf(response);
    assert.equal(error.code, code, error.message);
    assert.ok(!/[{?]/.test(error.message), error.message);
    return error.message;
  };
  const keys = async (): Promise<string[]> =>
    (
      await server.as("ada")("GET /api/cloud/jobs/{job_id}/artifacts", { params: { job_id: jobId } })
    ).artifacts.map(({ key }) => key);
  const events = async () =>
    (
      await server.as("ada")("GET /api/cloud/jobs/{job_id}/events", { params: { job_id: jobId } })
    ).events.filter(({ type }) => type === "job.artifacts_deleted");

  for (const [method, path, query] of [
    ["GET", "/header", { key: "pytorch_lora_weights.safetensors" }],
    ["GET", "/archive", { prefix: "checkpoint-2/" }],
    ["DELETE", "", { prefix: "checkpoint-2/" }],
  ] as const) {
    test(`${method} ${path || "files"}: another user and an unknown job see nothing`, async () => {
      await refused(request(method, path, query, "bob"), "job_not_found");
      await refused(request(method, path, query, "ada", "no-such-job"), "job_not_found");
      await refused(request(method, path, query, "ada", ".."), "not_found");
      await refused(request(method, path, query, "ada", "%2e%2e%2f"), "job_not_found");
    });
  }

  for (const key of [
    "../other/model.safetensors",
    "a/../../b",
    "..",
    "./a",
    "/etc/passwd",
    "a\0b",
    "../../../../etc/",
  ]) {
    test(`no name leaves the job's area: ${JSON.stringify(key)}`, async () => {
      await refused(request("GET", "/header", { key }), "object_key_invalid");
      await refused(request("DELETE", "", { key }), "object_key_invalid");
      await refused(request("DELETE", "", { prefix: `${key}/` }), "object_key_invalid");
      await refused(request("GET", "/archive", { prefix: `${key}/` }), "object_key_invalid");
    });
  }

  test("a name that escapes twice, or another job's id, is only a name that is not there", async () => {
    for (const key of ["%2e%2e/x", "..\\x", `${activeId}/x`, "a//b", "x".repeat(1024)])
      await refused(request("GET", "/header", { key }), "artifact_not_found");
    await refused(request("GET", "/header", { key: "x".repeat(1025) }), "validation_error");
    await refused(request("GET", "/header", {}), "validation_error");
    await refused(request("GET", "/header", { key: "" }), "validation_error");
  });

  test("hostile headers: one sentence each", async () => {
    const problem = (name: string) =>
      refused(request("GET", "/header", { key: `debug/hostile/${name}.safetensors` }), "not_safetensors");
    assert.match(await problem("deep"), /nested deeper/);
    assert.match(await problem("long"), /cut off/);
    assert.match(await problem("short"), /too short/);
    await refused(request("GET", "/header", { key: "checkpoint-200/optimizer.bin" }), "not_safetensors");
  });

  test("the header of a good file", async () => {
    const header = await server.as("ada")("GET /api/cloud/jobs/{job_id}/artifacts/header", {
      params: { job_id: jobId },
      query: { key: "checkpoint-200/pytorch_lora_weights.safetensors" },
    });
    assert.deepEqual(
      [header.parameters, header.tensor_count, header.metadata],
      [300_000, 1, { format: "pt" }],
    );
    assert.deepEqual(header.tensors[0]?.shape, [300_000]);
  });

  const archive = async (query: Record<string, string>) => {
    const response = await request("GET", "/archive", query);
    assert.equal(
      response.status,
      200,
      await response
        .clone()
        .text()
        .catch(() => ""),
    );
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.equal(bytes.length, Number(response.headers.get("content-length")));
    return { bytes, headers: response.headers };
  };
  const unpacked = async (bytes: Buffer): Promise<Record<string, Buffer>> => {
    const folder = await mkdtemp(join(server.folder, "unpacked "));
    const archivePath = join(folder, "archive.zip");
    await writeFile(archivePath, bytes);
    const targetDir = join(folder, "files");
    await extractArchive({ archivePath, targetDir, limits: { maxEntries: 100, maxBytes: 2 ** 30 } });
    return contentsOf(targetDir);
  };

  test("a checkpoint as a zip: its files and no neighbour's, byte for byte", async () => {
    const { bytes, headers } = await archive({ prefix: "checkpoint-200/" });
    assert.equal(headers.get("content-type"), "application/zip");
    const disposition = headers.get("content-disposition") ?? "";
    assert.match(disposition, /filename="[\w.-]+-checkpoint-200\.zip"/);
    assert.match(decodeURIComponent(disposition), /\*=UTF-8''मेरा_run_1-checkpoint-200\.zip$/);
    const expected = Object.entries(given)
      .filter(([key]) => key.startsWith("checkpoint-200/"))
      .map(([key, content]): [string, Buffer] => [key.replace("%", "%25"), content]);
    assert.deepEqual(await unpacked(bytes), Object.fromEntries(expected));
    const small = await unpacked((await archive({ prefix: "checkpoint-2/" })).bytes);
    assert.deepEqual(Object.keys(small).sort(), [
      "checkpoint-2/pytorch_lora_weights.safetensors",
      "checkpoint-2/training_state.json",
    ]);
  });

  test("everything as a zip", async () => {
    const { bytes, headers } = await archive({});
    assert.match(decodeURIComponent(headers.get("content-disposition") ?? ""), /मेरा_run_1\.zip$/);
    assert.equal(Object.keys(await unpacked(bytes)).length, Object.keys(given).length);
  });

  test("no archive of nothing, and none of a folder without its slash", async () => {
    await refused(request("GET", "/archive", { prefix: "checkpoint-9/" }), "artifact_not_found");
    assert.match(
      await refused(request("GET", "/archive", { prefix: "checkpoint-2" }), "validation_error"),
      /slash/,
    );
    await refused(request("GET", "/archive", {}, "ada", activeId), "artifact_not_found");
  });

  test(
    "a reader that leaves ends the work and closes the file",
    { skip: process.platform !== "linux" },
    async () => {
      const leave = new AbortController();
      const response = await fetch(
        `${server.url}/api/cloud/jobs/${jobId}/artifacts/archive?prefix=checkpoint-300/`,
        {
          headers: { "x-test-user": "ada" },
          signal: leave.signal,
        },
      );
      const reader = response.body?.getReader();
      await reader?.read();
      assert.notEqual(await openFiles("big.bin"), 0);
      leave.abort();
      await eventually("closing the file", async () => (await openFiles("big.bin")) === 0);
    },
  );

  test("deleting is refused while the job is active, to others, and without a clear choice", async () => {
    assert.match(
      await refused(request("DELETE", "", { prefix: "checkpoint-2/" }, "ada", activeId), "invalid_job_state"),
      /The job is running; deleting its files is only possible while it is completed, failed, cancelled/,
    );
    await refused(request("DELETE", "", { key: "a" }, "viewer"), "permission_denied");
    await refused(request("DELETE", "", {}), "validation_error");
    await refused(request("DELETE", "", { key: "a", prefix: "a/" }), "validation_error");
    assert.match(
      await refused(request("DELETE", "", { prefix: "checkpoint-2" }), "validation_error"),
      /slash/,
    );
    await refused(request("DELETE", "", { prefix: "" }), "validation_error");
    await refused(request("DELETE", "", { prefix: "checkpoint-9/" }), "artifact_not_found");
    await refused(request("DELETE", "", { key: "checkpoint-2" }), "artifact_not_found");
    const foreign = await fetch(`${server.url}/api/cloud/jobs/${jobId}/artifacts?prefix=checkpoint-2/`, {
      method: "DELETE",
      headers: { "x-test-user": "ada", origin: "https://elsewhere.example" },
    });
    await refused(Promise.resolve(foreign), "origin_not_allowed");
    assert.equal((await keys()).length, Object.keys(given).length);
    assert.deepEqual(await events(), []);
  });

  test("a folder and a file go, their neighbours stay, and the history tells of it", async () => {
    const remove = (query: { key?: string; prefix?: string }) =>
      server.as("ada")("DELETE /api/cloud/jobs/{job_id}/artifacts", { params: { job_id: jobId }, query });
    const folder = await remove({ prefix: "checkpoint-2/" });
    assert.equal(folder.deleted_files, 2);
    assert.ok((await keys()).some((key) => key.startsWith("checkpoint-200/")));
    assert.ok(!(await keys()).some((key) => key.startsWith("checkpoint-2/")));
    const job = async () =>
      (await server.as("ada")("GET /api/cloud/jobs/{job_id}", { params: { job_id: jobId } })).job;
    assert.match((await job()).output_url ?? "", /pytorch_lora_weights\.safetensors$/);
    const model = await remove({ key: "pytorch_lora_weights.safetensors" });
    assert.equal(model.deleted_files, 1);
    assert.equal((await job()).output_url, null);
    await assert.rejects(remove({ key: "pytorch_lora_weights.safetensors" }), (error) => {
      return error instanceof ApiError && error.code === "artifact_not_found";
    });
    assert.deepEqual(
      (await events()).map(({ data }) => data),
      [
        { by: "ada", prefix: "checkpoint-2/", files: 2, bytes: folder.deleted_bytes },
        { by: "ada", key: "pytorch_lora_weights.safetensors", files: 1, bytes: model.deleted_bytes },
      ],
    );
  });

  test("links that the web UI and the command line make are the routes of the contract", () => {
    assert.equal(
      routeUrl("GET /api/cloud/jobs/{job_id}/artifacts/archive", {
        params: { job_id: "j" },
        query: { prefix: "checkpoint-2/" },
      }),
      "/api/cloud/jobs/j/artifacts/archive?prefix=checkpoint-2%2F",
    );
  });
});

describe("names in an archive", () => {
  test("none leads anywhere but below the folder it is unpacked in, and no two keys share one", () => {
    const keysAndNames: [key: string, name: string][] = [
      ["a/b.txt", "a/b.txt"],
      ["../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"],
      ["%2E%2E/etc", "%252E%252E/etc"],
      ["/etc/passwd", "%/etc/passwd"],
      ["a//b", "a/%/b"],
      ["a\\..\\b", "a%5C..%5Cb"],
      ["C:/x", "C%3A/x"],
      ["a\nb", "a%0Ab"],
      [".../x", "%2E%2E%2E/x"],
      [".hidden", ".hidden"],
      ["folder/", "folder/%"],
    ];
    for (const [key, name] of keysAndNames) assert.equal(entryName(key), name);
  });
});

async function contentsOf(folder: string): Promise<Record<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(files.map(async (path) => [relative(folder, path), await readFile(path)] as const)),
  );
}

/** How many of this process's open files have a path with this name. Linux only. */
async function openFiles(name: string): Promise<number> {
  const paths = await Promise.all(
    (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  );
  return paths.filter((path) => path.endsWith(name)).length;
}
