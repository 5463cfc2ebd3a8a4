import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { S3Settings } from "@simpletuner-cloud/contract/destinations.ts";
import { readConfig } from "../../../config.ts";
import { outboundHttp } from "../../outbound/undici/outbound-http.ts";
import { startExternalBucket } from "../../storage/s3/external-bucket-test-kit.ts";
import {
  codeOf,
  countingWatch,
  keepingOf,
  memoryFile,
  publicationOf,
  publisherConformance,
  type TestPlace,
  weights,
} from "../conformance.ts";
import type { PublishedFile } from "../publisher.ts";
import { s3Publisher } from "./s3-publisher.ts";

const never = new AbortController().signal;
const mebibyte = 1024 * 1024;

/** Our own S3 endpoint with one bucket, behind a proxy that can misbehave. */
async function bucketPlace(changed: Partial<S3Settings> = {}, secretAccessKey = "replica-secret") {
  const bucket = await startExternalBucket();
  const http = outboundHttp(readConfig({}).outbound, { firstWaitMs: 1 });
  const settings: S3Settings = {
    kind: "s3",
    preset: "minio",
    endpoint: bucket.options.endpoint,
    region: "us-east-1",
    bucket: "external",
    prefix: "models/",
    folder: "{name}-{id}",
    path_style: true,
    public_base_url: "https://files.example.org/",
    access_key_id: "replica",
    include_samples: true,
    include_checkpoints: true,
    ...changed,
  };
  const { storage } = bucket.server;
  const root = "models/Lighthouse-tres-belle-12345678/";
  const list = async (prefix: string) =>
    (await storage.listObjects({ bucket: "external", prefix, maxKeys: 1_000 })).objects.map(({ key }) => key);
  let sentBytes = 0;
  let cuts = 0;
  const trouble: { next: ((path: string, response: ServerResponse) => boolean) | null } = { next: null };
  bucket.trouble.current = (message, response) => {
    const path = `${message.method} ${message.url}`;
    if (trouble.next?.(path, response)) return "handled";
    if (message.method !== "PUT") return undefined;
    if (cuts > 0) {
      cuts -= 1;
      message.once("data", () => message.socket.destroy());
      return "handled";
    }
    sentBytes += Number(message.headers["content-length"] ?? 0);
    return undefined;
  };
  const place: TestPlace = {
    publisher: s3Publisher({ settings, secretAccessKey, http: http.service() }),
    own: [],
    async content(path) {
      const object = await storage.getObject("external", root + path);
      if (object === null) return null;
      const chunks: Buffer[] = [];
      await object.read(
        { start: 0, end: object.info.sizeBytes },
        async (chunk) => void chunks.push(Buffer.from(chunk)),
      );
      await object.close();
      return Buffer.concat(chunks);
    },
    paths: async () => (await list("models/")).map((key) => key.slice(root.length)),
    places: async () => new Set((await list("")).map((key) => key.split("/").slice(0, 2).join("/"))).size,
    sentBytes: () => sentBytes,
    cutUploads: (times) => (cuts = times),
    async close() {
      await http.close();
      await bucket.close();
    },
  };
  const publish = (files: readonly PublishedFile[], keeping = keepingOf(), watch = countingWatch().watch) =>
    place.publisher.publish(publicationOf(files), keeping, watch, never);
  return { ...place, bucket, trouble, publish, unfinished: () => storage.listUploads("external", "") };
}

publisherConformance("an S3 bucket", () => bucketPlace());

/** Answers as a service does that refuses; true, as the request is done with. */
function refuse(response: ServerResponse, status: number, code: string): true {
  response.writeHead(status, { "content-type": "application/xml", connection: "close" });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
  return true;
}

describe("an S3 bucket that gives trouble", () => {
  let place: Awaited<ReturnType<typeof bucketPlace>>;
  const open = async (...given: Parameters<typeof bucketPlace>) => (place = await bucketPlace(...given));
  beforeEach(() => open());
  afterEach(() => place.close());
  const file = memoryFile("model.safetensors", weights(100_000, "model"));
  const large = memoryFile("large.safetensors", weights(33 * mebibyte, "large"));
  const failure = async (work: Promise<unknown>) => {
    const error: unknown = await work.then(
      () => assert.fail("it went well"),
      (thrown: unknown) => thrown,
    );
    return { code: codeOf(error), message: String((error as Error).message) };
  };

  test("each refusal is one sentence that names what to set right, without a secret", async () => {
    const cases: [Parameters<typeof bucketPlace>, code: string, words: RegExp][] = [
      [[{}, "wrong-secret"], "destination_refused", /SignatureDoesNotMatch.*secret access key/],
      [[{ access_key_id: "nobody" }], "destination_refused", /InvalidAccessKeyId.*access key/],
      [[{ bucket: "elsewhere" }], "destination_refused", /s3:PutObject on elsewhere/],
    ];
    for (const [given, code, words] of cases) {
      await place.close();
      await open(...given);
      const told = await failure(place.publish([file]));
      assert.equal(told.code, code);
      assert.match(told.message, words);
      assert.doesNotMatch(told.message, /secret$|replica-secret|wrong-secret|AWS4-HMAC/);
    }
  });

  test("a missing bucket, a full disk, a service that asks to wait and one that is gone are told apart", async () => {
    const cases: [number, string, string][] = [
      [404, "NoSuchBucket", "destination_bucket_missing"],
      [507, "InsufficientStorage", "destination_full"],
      [403, "QuotaExceeded", "destination_full"],
      [503, "SlowDown", "destination_busy"],
      [500, "InternalError", "destination_unreachable"],
    ];
    for (const [status, code, expected] of cases) {
      await place.close();
      await open();
      place.trouble.next = (path, response) => path.startsWith("PUT") && refuse(response, status, code);
      assert.equal((await failure(place.publish([file]))).code, expected, code);
    }
    await place.bucket.close();
    assert.equal((await failure(place.publish([file]))).code, "destination_unreachable");
    await open();
  });

  test("a trial says which permission is missing, and that a file had to stay", async () => {
    place.trouble.next = (path, response) =>
      path.startsWith("DELETE") && refuse(response, 403, "AccessDenied");
    const steps = await place.publisher.test(never);
    assert.deepEqual(
      steps.map(({ step, state }) => [step, state]),
      [
        ["write", "good"],
        ["read", "good"],
        ["list", "good"],
        ["delete", "bad"],
      ],
    );
    assert.match(steps[3]?.message ?? "", /s3:DeleteObject on external.*simpletuner-probe-\w+ stays/);
    place.trouble.next = (path, response) => path.startsWith("PUT") && refuse(response, 403, "AccessDenied");
    const refused = await place.publisher.test(never);
    assert.deepEqual(
      refused.map(({ state }) => state),
      ["bad", "skipped", "skipped", "skipped"],
    );
    assert.match(refused[0]?.message ?? "", /s3:PutObject/);
  });

  test("a key that may only write still delivers", async () => {
    place.trouble.next = (path, response) =>
      (path.startsWith("HEAD") && refuse(response, 403, "AccessDenied")) ||
      (/^GET .*list-type/.test(path) && refuse(response, 403, "AccessDenied"));
    await place.publish([file]);
    assert.ok(await place.content("model.safetensors"));
  });

  test("a large file goes on with the parts that arrived, and leaves no unfinished upload", async () => {
    const keeping = keepingOf();
    const stopping = new AbortController();
    let parts = 0;
    const watch = {
      ...countingWatch().watch,
      moved: () => void (++parts === 3 && stopping.abort(new Error("killed"))),
    };
    await assert.rejects(place.publisher.publish(publicationOf([large]), keeping, watch, stopping.signal));
    assert.equal((await place.unfinished()).length, 1);
    const before = place.sentBytes();
    const { seen, watch: counting } = countingWatch();
    await place.publish([large], keepingOf(JSON.parse(JSON.stringify(keeping.memory))), counting);
    assert.ok(place.sentBytes() - before <= 3 * 8 * mebibyte, "at most what was missing was sent");
    assert.equal(seen.bytes, large.sizeBytes);
    assert.deepEqual(await place.unfinished(), []);
    assert.equal((await place.content("large.safetensors"))?.length, large.sizeBytes);
  });

  test("an upload that the service forgot is begun anew; another version's is let go", async () => {
    const other = { key: "models/x/large.safetensors", version: "old", uploadId: "gone" };
    await place.publish(
      [large],
      keepingOf({ folder: "models/Lighthouse-tres-belle-12345678", upload: other }),
    );
    const ours = {
      ...other,
      key: "models/Lighthouse-tres-belle-12345678/large.safetensors",
      version: large.version,
    };
    const renewed = memoryFile("large.safetensors", weights(33 * mebibyte, "renewed"));
    await place.publish([renewed], keepingOf({ upload: { ...ours, version: renewed.version } }));
    assert.equal((await place.content("large.safetensors"))?.length, renewed.sizeBytes);
  });

  test("a completion whose answer was lost is not taken for a failure", async () => {
    let completions = 0;
    place.trouble.next = (path, response) => {
      if (!/^POST .*uploadId=/.test(path) || ++completions !== 1) return false;
      // It is passed on, and its answer thrown away.
      response.writeHead = () => response.destroy();
      return false;
    };
    await place.publish([large]);
    assert.ok(completions >= 2);
    assert.equal((await place.content("large.safetensors"))?.length, large.sizeBytes);
  });

  test("a service that says well done and keeps something else is found out", async () => {
    place.trouble.next = (path, response) => {
      if (!path.startsWith("PUT")) return false;
      response.writeHead(200, { etag: '"x"', "content-length": "0", connection: "close" }).end();
      return true;
    };
    assert.equal((await failure(place.publish([file]))).code, "destination_incomplete");
  });

  test("a job keeps its folder when the pattern changes between two attempts", async () => {
    const keeping = keepingOf();
    await place.publish([file], keeping);
    assert.equal(keeping.memory["folder"], "models/Lighthouse-tres-belle-12345678");
    const { target, url } = await place.publish([file], keeping);
    assert.equal(target, "s3://external/models/Lighthouse-tres-belle-12345678/");
    assert.equal(url, "https://files.example.org/models/Lighthouse-tres-belle-12345678/");
  });
});
