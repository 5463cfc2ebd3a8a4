import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { it } from "node:test";
import { bodyOf, brokenBody, createUpload, failsWith, get, md5, put } from "./conformance-kit.ts";
import type { Body, ObjectStorage } from "./storage.ts";

const mebibyte = 1024 * 1024;
/** The least size of a part that is not the last. */
const p5 = 5 * mebibyte;

interface Sent {
  partNumber: number;
  content: Buffer;
}

/** Sends parts one after the other in the given order and completes with the newest of each number. */
async function uploadParts(storage: ObjectStorage, key: string, sent: Sent[]): Promise<{ etag: string }> {
  const ref = await createUpload(storage, key);
  for (const { partNumber, content } of sent) {
    await storage.putPart({ ...ref, partNumber, body: bodyOf(content), declaredBytes: content.length });
  }
  const parts = await storage.listParts(ref);
  return storage.completeUpload({ ...ref, parts, checksums: {}, checksumType: "COMPOSITE" });
}

/** The part of the port's conformance suite that is about multipart uploads. */
export function testUploads(storageOf: () => ObjectStorage): void {
  testJoining(storageOf);
  testCompleting(storageOf);
  testInterruptions(storageOf);
}

function testJoining(storageOf: () => ObjectStorage): void {
  const part = (partNumber: number, size: number): Sent => ({ partNumber, content: randomBytes(size) });
  const orders: [name: string, sent: Sent[]][] = [
    ["in order with a short end", [part(1, p5), part(2, p5), part(3, 1000)]],
    ["out of order", [part(4, 1), part(3, p5), part(2, p5), part(1, p5)]],
    ["with gaps in the numbers", [part(2, p5), part(5, p5), part(9, 10)]],
    ["of different sizes", [part(1, p5), part(2, p5 + 7), part(3, p5), part(4, p5 + 1)]],
    ["sent twice", [part(1, p5), part(2, p5), part(2, p5), part(1, p5 + 3), part(3, 5)]],
    ["with an empty end", [part(1, p5), part(2, 0)]],
    ["of one part", [part(1, 10)]],
    ["with a short first part beside slots of another size", [part(2, p5 + 9), part(3, p5 + 9), part(1, p5)]],
  ];
  for (const [name, sent] of orders) {
    it(`joins parts ${name}`, async () => {
      const storage = storageOf();
      const { etag } = await uploadParts(storage, "m", sent);
      const newest = new Map(sent.map(({ partNumber, content }) => [partNumber, content]));
      const contents = [...newest].sort(([left], [right]) => left - right).map(([, content]) => content);
      assert.ok((await get(storage, "m"))?.equals(Buffer.concat(contents)));
      const digests = contents.map((content) => Buffer.from(md5(content), "hex"));
      assert.equal(etag, `${md5(...digests)}-${contents.length}`);
      const runs = (await storage.headObject("outputs", "m"))?.partRuns ?? [];
      assert.deepEqual(
        runs.flatMap(([count, size]) => Array(count).fill(size)),
        contents.map(({ length }) => length),
      );
    });
  }
}

function testCompleting(storageOf: () => ObjectStorage): void {
  it("refuses wrong lists of parts and can be completed afterwards, and again", async () => {
    const storage = storageOf();
    const ref = await createUpload(storage, "m");
    const contents = [randomBytes(p5), randomBytes(100), randomBytes(p5)];
    const parts: { partNumber: number; etag: string }[] = [];
    for (const [index, content] of contents.entries()) {
      const input = { ...ref, partNumber: index + 1, body: bodyOf(content), declaredBytes: content.length };
      parts.push(await storage.putPart(input));
    }
    const [one, two, three] = parts as [PartRef, PartRef, PartRef];
    const complete = (chosen: PartRef[], conditions = {}): Promise<{ etag: string }> =>
      storage.completeUpload({ ...ref, parts: chosen, checksums: {}, checksumType: "COMPOSITE", conditions });
    await assert.rejects(complete([two, one]), failsWith("upload_part_order"));
    await assert.rejects(complete([one, { ...two, partNumber: 4 }]), failsWith("upload_part_invalid"));
    await assert.rejects(complete([one, { ...two, etag: one.etag }]), failsWith("upload_part_invalid"));
    await assert.rejects(complete([one, two, three]), failsWith("upload_part_too_small"));
    await put(storage, "m", "here");
    await assert.rejects(
      complete([one, three], { ifNoneMatch: ["*"] }),
      failsWith("object_precondition_failed"),
    );
    assert.equal(String(await get(storage, "m")), "here");
    const wrong = { ...ref, key: "n", parts: [one, two], checksums: {}, checksumType: "COMPOSITE" } as const;
    await assert.rejects(storage.completeUpload(wrong), failsWith("upload_not_found"));
    const first = await complete([one, two]);
    assert.ok((await get(storage, "m"))?.equals(Buffer.concat(contents.slice(0, 2))));
    assert.equal((await complete([one, two])).etag, first.etag);
    await assert.rejects(storage.listParts(ref), failsWith("upload_not_found"));
    await assert.rejects(storage.abortUpload(ref), failsWith("upload_not_found"));
  });

  it("does not let a late part change the completed object", async () => {
    const storage = storageOf();
    const ref = await createUpload(storage, "m");
    const content = randomBytes(p5);
    const one = await storage.putPart({ ...ref, partNumber: 1, body: bodyOf(content), declaredBytes: p5 });
    const { promise: isCompleted, resolve: completed } = Promise.withResolvers<void>();
    const { promise: isUnderWay, resolve: underWay } = Promise.withResolvers<void>();
    const late = async function* (): Body {
      yield randomBytes(2 * mebibyte);
      underWay();
      await isCompleted;
      yield randomBytes(3 * mebibyte);
    };
    const running = storage.putPart({ ...ref, partNumber: 2, body: late(), declaredBytes: p5 });
    running.catch(() => undefined);
    await isUnderWay;
    await storage.completeUpload({ ...ref, parts: [one], checksums: {}, checksumType: "COMPOSITE" });
    completed();
    await assert.rejects(running, failsWith("upload_not_found"));
    assert.ok((await get(storage, "m"))?.equals(content));
  });
}

function testInterruptions(storageOf: () => ObjectStorage): void {
  it("aborts while a part is coming in", async () => {
    const storage = storageOf();
    const ref = await createUpload(storage, "m");
    const body = async function* (): Body {
      yield randomBytes(mebibyte);
      await storage.abortUpload(ref);
      yield randomBytes(mebibyte);
    };
    const input = { ...ref, partNumber: 1, body: body(), declaredBytes: 2 * mebibyte };
    await assert.rejects(storage.putPart(input), failsWith("upload_not_found"));
    assert.deepEqual(await storage.listUploads("outputs", ""), []);
  });

  it("forgets a part whose body broke off, and takes it again", async () => {
    const storage = storageOf();
    const ref = await createUpload(storage, "m");
    const broken = { ...ref, partNumber: 1, body: brokenBody(randomBytes(2 * mebibyte)), declaredBytes: p5 };
    await assert.rejects(storage.putPart(broken), /cut/);
    assert.deepEqual(await storage.listParts(ref), []);
    const content = randomBytes(100);
    const one = await storage.putPart({ ...ref, partNumber: 1, body: bodyOf(content), declaredBytes: 100 });
    await storage.completeUpload({ ...ref, parts: [one], checksums: {}, checksumType: "COMPOSITE" });
    assert.ok((await get(storage, "m"))?.equals(content));
  });
}

interface PartRef {
  partNumber: number;
  etag: string;
}
