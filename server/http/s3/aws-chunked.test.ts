import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { AwsChunkedDecoder } from "./aws-chunked.ts";
import { S3Error } from "./s3-errors.ts";
import { framed } from "./s3-test-client.ts";
import { type SignatureClaim, signingKeys } from "./sig-v4.ts";

function decode(
  slices: Uint8Array[],
  decoder = new AwsChunkedDecoder(null),
): { data: Buffer; trailers: object } {
  const data = slices.flatMap((slice) => decoder.push(slice));
  decoder.finish();
  return { data: Buffer.concat(data), trailers: Object.fromEntries(decoder.trailers) };
}

function failsWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof S3Error && error.code === code;
}

describe("the aws-chunked decoder", () => {
  const whole = framed(["hello ", Buffer.alloc(300, 7), "\r\n0\r\n\r\n"], {
    "X-Amz-Checksum-CRC32": " AAAAAA== ",
  });
  const data = Buffer.concat([Buffer.from("hello "), Buffer.alloc(300, 7), Buffer.from("\r\n0\r\n\r\n")]);

  it("gives the same data at every split point, and byte by byte", () => {
    for (let at = 0; at <= whole.length; at++) {
      const result = decode([whole.subarray(0, at), whole.subarray(at)]);
      assert.ok(result.data.equals(data), `split at ${at}`);
      assert.deepEqual(result.trailers, { "x-amz-checksum-crc32": "AAAAAA==" });
    }
    assert.ok(decode([...whole].map((byte) => Buffer.from([byte]))).data.equals(data));
  });

  it("gives back any chunks cut into any slices", () => {
    const chunk = fc.uint8Array({ minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(
        fc.array(chunk, { maxLength: 8 }),
        fc.array(fc.nat(400), { maxLength: 12 }),
        (chunks, cuts) => {
          const body = framed(chunks.map((bytes) => Buffer.from(bytes)));
          const points = [
            0,
            ...cuts.map((cut) => cut % (body.length + 1)).sort((a, b) => a - b),
            body.length,
          ];
          const slices = points.slice(1).map((end, index) => body.subarray(points[index], end));
          assert.ok(decode(slices).data.equals(Buffer.concat(chunks)));
        },
      ),
      { numRuns: 500 },
    );
  });

  it("never takes a cut off body for whole", () => {
    // Up to the line of the last chunk every byte counts; of the rest only an empty line may be missing.
    const lastLine = framed(["hello"]).length - 2;
    for (let length = 0; length < lastLine; length++) {
      assert.throws(
        () => decode([framed(["hello"]).subarray(0, length)]),
        failsWith("IncompleteBody"),
        `${length}`,
      );
    }
  });

  it("refuses broken framing", () => {
    const broken = [
      "x\r\n",
      "-1\r\n",
      "\r\n",
      "5\r\nhello!\r\n",
      "fffffffffff\r\n",
      `${"0".repeat(5000)}`,
      "5;\r\nhelloX0\r\n",
    ];
    for (const text of broken)
      assert.throws(() => decode([Buffer.from(text)]), failsWith("InvalidChunkSizeError"), text);
    const more = Buffer.concat([framed(["x"]), Buffer.from("GET / HTTP/1.1")]);
    assert.throws(() => decode([more]), failsWith("InvalidChunkSizeError"));
    const trailers = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`t${index}`, "v".repeat(500)]),
    );
    assert.throws(() => decode([framed(["x"], trailers)]), failsWith("MalformedTrailerError"));
    assert.throws(
      () => decode([Buffer.from("0\r\nno separator\r\n\r\n")]),
      failsWith("MalformedTrailerError"),
    );
  });

  it("hands on slices of large chunks as they come", () => {
    const decoder = new AwsChunkedDecoder(null);
    assert.deepEqual(decoder.push(Buffer.from("800000\r\nabc")), [Buffer.from("abc")]);
    const slice = Buffer.alloc(65_536);
    const [piece] = decoder.push(slice);
    assert.equal(piece?.buffer, slice.buffer);
  });
});

/** The example of the S3 documentation, "Signature Calculations for the Authorization Header: chunked". */
describe("signed chunks", () => {
  const claim: SignatureClaim = {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    day: "20130524",
    region: "us-east-1",
    dateTime: "20130524T000000Z",
    signedHeaders: ["host"],
    signature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    payloadHash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  };
  const key = signingKeys()(claim, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  const chunk = (size: number, signature: string): Buffer =>
    Buffer.concat([
      Buffer.from(`${size.toString(16)};chunk-signature=${signature}\r\n`),
      Buffer.alloc(size, "a"),
      Buffer.from("\r\n"),
    ]);
  const first = chunk(65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
  const second = chunk(1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
  const last = chunk(0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");

  it("are accepted as documented", () => {
    const { data } = decode([first, second, last], new AwsChunkedDecoder({ claim, key }));
    assert.equal(data.length, 66_560);
  });

  it("are refused when changed, swapped, dropped or unsigned", () => {
    const changed = Buffer.from(first);
    changed[100] = 98;
    const unsigned = framed([Buffer.alloc(10)]);
    for (const slices of [[changed], [second], [first, last], [unsigned]]) {
      const decoder = new AwsChunkedDecoder({ claim, key });
      assert.throws(() => decode(slices, decoder), failsWith("SignatureDoesNotMatch"));
    }
  });

  it("need a signature of their trailers where they have any", () => {
    const withTrailer = { ...claim, payloadHash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" };
    const decoder = new AwsChunkedDecoder({ claim: withTrailer, key });
    assert.throws(() => decode([first, second, last], decoder), failsWith("MalformedTrailerError"));
  });
});
