import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { ChecksumAlgorithm } from "../../adapters/storage/storage.ts";
import { checksumAlgorithms, checksumHasher, isChecksumValue, joinChecksums } from "./checksums.ts";

function checksum(algorithm: ChecksumAlgorithm, ...pieces: Uint8Array[]): string {
  const hasher = checksumHasher(algorithm);
  for (const piece of pieces) hasher.update(piece);
  return hasher.digest();
}

/** Check values of the catalogue of parametrised CRCs (reveng) and of the hashes, over "123456789". */
const checkValues: Record<ChecksumAlgorithm, string> = {
  CRC32: "cbf43926",
  CRC32C: "e3069283",
  CRC64NVME: "ae8b14860a799888",
  SHA1: "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
  SHA256: "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
};

describe("checksums", () => {
  for (const algorithm of checksumAlgorithms) {
    it(`${algorithm} has its published check value, however the bytes are cut`, () => {
      const bytes = Buffer.from("123456789");
      const expected = Buffer.from(checkValues[algorithm], "hex").toString("base64");
      for (let at = 0; at <= bytes.length; at++) {
        assert.equal(checksum(algorithm, bytes.subarray(0, at), bytes.subarray(at)), expected);
      }
      assert.ok(isChecksumValue(algorithm, expected));
      for (const wrong of ["", "x", expected.slice(1), `${expected}A`])
        assert.ok(!isChecksumValue(algorithm, wrong));
    });
  }

  it("of parts join to that of the whole", () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 100 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(parts, fc.constantFrom("CRC32", "CRC32C", "CRC64NVME"), (pieces, algorithm) => {
        const sums = pieces.map((piece) => ({
          sizeBytes: piece.length,
          checksums: { [algorithm]: checksum(algorithm, piece) },
        }));
        const expected = checksum(algorithm, Buffer.concat(pieces));
        assert.deepEqual(joinChecksums(algorithm, "FULL_OBJECT", sums), { [algorithm]: expected });
      }),
      { numRuns: 300 },
    );
  });

  it("of parts join to a composite with their number, or to nothing when one is missing", () => {
    const one = { sizeBytes: 1, checksums: { SHA256: checksum("SHA256", Buffer.from("a")) } };
    const joined = joinChecksums("SHA256", "COMPOSITE", [one, one]);
    const digest = Buffer.from(one.checksums.SHA256, "base64");
    assert.deepEqual(joined, { SHA256: `${checksum("SHA256", digest, digest)}-2` });
    assert.deepEqual(joinChecksums("SHA256", "COMPOSITE", [one, { sizeBytes: 1, checksums: {} }]), {});
  });
});
