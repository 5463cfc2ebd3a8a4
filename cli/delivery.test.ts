import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { delivery } from "./delivery.ts";
import { connectTo } from "./server-address.ts";
import { fakeServer } from "./testing/fake-server.ts";

const folder = mkdtempSync(join(tmpdir(), "delivery "));
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, "final.safetensors");
writeFileSync(path, "weights");
const model = {
  key: "pytorch_lora_weights.safetensors",
  kind: "model",
  size_bytes: 7,
  path,
  url: "/x",
  step: null,
};

async function delivered(artifacts: readonly object[]) {
  await using server = await fakeServer({
    "GET /api/cloud/jobs/*/artifacts": () => ({ artifacts, total_bytes: 0, next: null }),
  });
  return await delivery(connectTo(server.url, { env: {}, interrupted: new AbortController().signal }), "j");
}

test("no model, a model elsewhere, a vanished file and a cut file are failures with a reason", async () => {
  await assert.rejects(delivered([{ ...model, key: "notes.txt" }]), /delivered no \.safetensors/);
  await assert.rejects(delivered([{ ...model, path: null }]), /is not on this machine/);
  await assert.rejects(delivered([{ ...model, path: join(folder, "gone") }]), /cannot be read: ENOENT/);
  await assert.rejects(delivered([{ ...model, size_bytes: 8 }]), /has 7 bytes; 8 were delivered/);
});

test("the final model is taken, not a checkpoint's, with the digest of the file", async () => {
  const checkpoint = { ...model, key: "checkpoint-9/a.safetensors", path: join(folder, "gone"), step: 9 };
  const found = await delivered([checkpoint, model]);
  assert.deepEqual(found, {
    path,
    sizeBytes: 7,
    sha256: createHash("sha256").update("weights").digest("hex"),
  });
});
