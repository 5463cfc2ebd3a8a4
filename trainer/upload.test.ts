import assert from "node:assert/strict";
import { mkdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import type { PublishingTarget } from "./config.ts";
import { memoryLog, testFolder } from "./test-run.ts";
import { type Patience, startDelivery } from "./upload.ts";

const impatient: Patience = { firstDelayMs: 20, maxDelayMs: 40, totalMs: 20_000 };

interface Put {
  url: string;
  body: Buffer;
  headers: IncomingHttpHeaders;
}

/** An endpoint that keeps what is put, or answers with what `refuse` says. */
async function endpoint(
  refuse: (puts: number) => { status: number; code: string } | undefined = () => undefined,
  port = 0,
): Promise<{ puts: Put[]; port: number; server: Server }> {
  const puts: Put[] = [];
  let requests = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const refusal = refuse(requests++);
      if (refusal) {
        response.writeHead(refusal.status, { "content-type": "application/xml" });
        response.end(`<?xml version="1.0"?><Error><Code>${refusal.code}</Code><Message>no</Message></Error>`);
        return;
      }
      puts.push({ url: request.url ?? "", body: Buffer.concat(chunks), headers: request.headers });
      response.writeHead(200, { etag: '"x"' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { puts, port: (server.address() as AddressInfo).port, server };
}

function targetAt(port: number, changes: Partial<PublishingTarget> = {}): PublishingTarget {
  return {
    endpointUrl: `http://127.0.0.1:${port}/api/cloud/storage`,
    bucket: "outputs",
    basePath: "job-1",
    region: "auto",
    accessKey: "the-token",
    secretKey: "the-secret",
    ...changes,
  };
}

/** An output folder with a checkpoint, a sample, the model and files that are nobody's business. */
async function outputFolder(): Promise<string> {
  const folder = await testFolder();
  for (const sub of ["checkpoint-10", "samples/step-10", ".tmp-checkpoint-20", "cache"]) {
    await mkdir(join(folder, sub), { recursive: true });
  }
  const files = {
    "checkpoint-10/training_state.json": "{}",
    "samples/step-10/image-0.png": "png",
    "pytorch_lora_weights.safetensors": "weights",
    ".tmp-checkpoint-20/training_state.json": "half",
    "cache/private.json": "cache",
    "stdout.log": "log",
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  return folder;
}

test("a refused key ends delivery at once, with exit code 3 and without the secret in the sentence", async () => {
  const { port } = await endpoint(() => ({ status: 403, code: "AccessDenied" }));
  const delivery = await startDelivery(await outputFolder(), [targetAt(port)], memoryLog(), impatient);
  await assert.rejects(delivery.finish(), (error: Error & { exitCode: number }) => {
    assert.equal(error.exitCode, 3);
    assert.match(error.message, /403 AccessDenied .*Check access_key and secret_key/);
    assert.ok(!error.message.includes("the-secret"));
    return true;
  });
  assert.ok(delivery.failure());
});

test("a target that stays away fails after the patience, naming the reason", async () => {
  const { port, server } = await endpoint();
  await new Promise((resolve) => server.close(resolve));
  const delivery = await startDelivery(await outputFolder(), [targetAt(port)], memoryLog(), {
    ...impatient,
    totalMs: 100,
  });
  await assert.rejects(delivery.finish(), /did not succeed within .* ECONNREFUSED/);
});

test("a server that is down and then overloaded gets every file in the end, and each only once", async () => {
  const down = await endpoint();
  await new Promise((resolve) => down.server.close(resolve));
  let started: Promise<{ puts: Put[] }> | undefined;
  const log = memoryLog((line) => {
    // The first failed attempt was reported: now the server comes back, busy at first.
    if (line.startsWith("WARN")) {
      started ??= endpoint((count) => (count < 2 ? { status: 503, code: "SlowDown" } : undefined), down.port);
    }
  });
  const folder = await outputFolder();
  const delivery = await startDelivery(folder, [targetAt(down.port)], log, impatient);
  await delivery.finish();
  const { puts } = await started!;
  assert.deepEqual(puts.map(({ url }) => url.replace(/\?.*/, "")).sort(), [
    "/api/cloud/storage/outputs/job-1/checkpoint-10/training_state.json",
    "/api/cloud/storage/outputs/job-1/pytorch_lora_weights.safetensors",
    "/api/cloud/storage/outputs/job-1/samples/step-10/image-0.png",
  ]);
  const weights = puts.find(({ url }) => url.includes(".safetensors"))!;
  assert.equal(weights.body.toString(), "weights");
  assert.match(
    weights.headers.authorization ?? "",
    /^AWS4-HMAC-SHA256 Credential=the-token\/\d{8}\/auto\/s3\/aws4_request/,
  );
  assert.equal(log.lines.filter((line) => line.startsWith("WARN")).length, 1);
});

test("a resumed run delivers only what is new or changed, and a damaged record means everything", async () => {
  const { puts, port } = await endpoint();
  const folder = await outputFolder();
  const deliver = async (): Promise<string[]> => {
    const before = puts.length;
    const delivery = await startDelivery(folder, [targetAt(port)], memoryLog(), impatient);
    await delivery.finish();
    return puts.slice(before).map(({ url }) => url.split("/").at(-1)!.replace(/\?.*/, ""));
  };
  assert.equal((await deliver()).length, 3);
  assert.deepEqual(await deliver(), []);
  await writeFile(join(folder, "README.md"), "new");
  await utimes(join(folder, "samples/step-10/image-0.png"), 1, 1);
  assert.deepEqual((await deliver()).sort(), ["README.md", "image-0.png"]);
  const record = await readFile(join(folder, ".uploads.json"), "utf8");
  assert.ok(!record.includes("the-secret") && !record.includes("the-token"));
  await writeFile(join(folder, ".uploads.json"), "{");
  assert.equal((await deliver()).length, 4);
});

test("files that are offered during training go out in order; a pruned one is passed over", async () => {
  const { puts, port } = await endpoint();
  const folder = await outputFolder();
  const targets = [targetAt(port), targetAt(port, { bucket: "second", basePath: "" })];
  const delivery = await startDelivery(folder, targets, memoryLog(), impatient);
  await delivery.offer();
  await rm(join(folder, "samples"), { recursive: true });
  await delivery.finish();
  const names = puts.map(({ url }) => url.replace(/^\/api\/cloud\/storage\//, "").replace(/\?.*/, ""));
  assert.ok(names.includes("second/pytorch_lora_weights.safetensors"));
  assert.ok(
    names.indexOf("outputs/job-1/checkpoint-10/training_state.json") <
      names.indexOf("second/pytorch_lora_weights.safetensors"),
  );
});

test("a large file goes up in parts", async () => {
  const parts: number[] = [];
  const server = createServer((request, response) => {
    let size = 0;
    request.on("data", (chunk: Buffer) => (size += chunk.length));
    request.on("end", () => {
      const url = new URL(request.url ?? "", "http://x");
      if (request.method === "POST" && url.searchParams.has("uploads")) {
        response.end(
          "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
        );
      } else if (request.method === "PUT") {
        parts.push(size);
        response.writeHead(200, { etag: `"${parts.length}"` }).end();
      } else {
        response.end("<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>");
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const folder = await testFolder();
  await writeFile(join(folder, "pytorch_lora_weights.safetensors"), Buffer.alloc(17 * 1024 * 1024));
  const { port } = server.address() as AddressInfo;
  const delivery = await startDelivery(folder, [targetAt(port)], memoryLog(), impatient);
  await delivery.finish();
  assert.equal(parts.length, 3);
  assert.equal(
    parts.reduce((sum, size) => sum + size, 0),
    17 * 1024 * 1024,
  );
});
