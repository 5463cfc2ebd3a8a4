import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { storageQuotas } from "./storage-quotas.ts";

/** Quotas over areas whose sizes the test sets; `measured` counts how often they are looked at. */
function setUp(limits: { jobBytes: number | null; userBytes: number | null }) {
  const sizes = new Map<string, number>();
  const measured: string[] = [];
  const quotas = storageQuotas({
    limits: () => limits,
    userOf: async (jobId) => (jobId === "unknown" ? null : "u1"),
    jobsOf: async () => ["j1", "j2"],
    storage: {
      async usage(_bucket, prefix) {
        measured.push(prefix);
        if (prefix === "broken/") throw new Error("unreadable");
        return { objects: 1, sizeBytes: sizes.get(prefix) ?? 0 };
      },
      async listUploads(bucket, prefix) {
        const upload = { headers: {}, userMetadata: {}, checksumAlgorithm: null, createdMs: 0 } as const;
        if (prefix !== "j1/") return [];
        return [{ ...upload, checksumType: "COMPOSITE", bucket, key: "j1/k", uploadId: "1" }];
      },
      async listParts() {
        const part = { partNumber: 1, etag: "", lastModifiedMs: 0, checksums: {} };
        return [{ ...part, sizeBytes: 7 }];
      },
    },
  });
  return { sizes, measured, quotas };
}

describe("storage quotas", () => {
  it("cost nothing where there are none", async () => {
    const { quotas, measured } = setUp({ jobBytes: null, userBytes: null });
    assert.deepEqual(await quotas.quotasOf("outputs", "j1/k", false), []);
    const limited = setUp({ jobBytes: 10, userBytes: 10 });
    assert.deepEqual(await limited.quotas.quotasOf("other", "j1/k", false), []);
    assert.deepEqual(await limited.quotas.quotasOf("outputs", "no-area", false), []);
    assert.deepEqual([...measured, ...limited.measured], []);
  });

  it("count a job's objects and open parts, and those of all jobs of its user", async () => {
    const { quotas, sizes } = setUp({ jobBytes: 100, userBytes: 1000 });
    sizes.set("j1/", 40).set("j2/", 500);
    assert.deepEqual(await quotas.quotasOf("outputs", "j1/k", false), [
      { account: "job j1", limitBytes: 100, usedBytes: 47 },
      { account: "user u1", limitBytes: 1000, usedBytes: 547 },
    ]);
    const [only, ...others] = await quotas.quotasOf("outputs", "unknown/k", false);
    assert.equal(only?.account, "job unknown");
    assert.deepEqual(others, []);
  });

  it("measure once, add what comes, and measure again when it must be exact or something went", async () => {
    const { quotas, sizes, measured } = setUp({ jobBytes: 100, userBytes: null });
    const used = async (mustBeExact = false): Promise<number | undefined> =>
      (await quotas.quotasOf("outputs", "j2/k", mustBeExact))[0]?.usedBytes;
    assert.equal(await used(), 0);
    sizes.set("j2/", 30);
    quotas.onStored("outputs", "j2/k", 40);
    assert.equal(await used(), 40);
    assert.equal(measured.length, 1);
    assert.equal(await used(true), 30);
    quotas.onRemoved("outputs", "j2/k");
    assert.equal(await used(), 30);
    assert.equal(measured.length, 3);
  });

  it("ask again after an area could not be measured", async () => {
    const { quotas, measured } = setUp({ jobBytes: 100, userBytes: null });
    const asked = quotas.quotasOf("outputs", "broken/k", false);
    quotas.onStored("outputs", "broken/k", 5);
    await assert.rejects(asked, /unreadable/);
    await assert.rejects(quotas.quotasOf("outputs", "broken/k", false), /unreadable/);
    assert.equal(measured.length, 2);
  });
});
