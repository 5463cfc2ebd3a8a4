import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Keeping, Publication, PublishedFile, Publisher, PublishWatch } from "./publisher.ts";

/** A place to deliver to, as the suite needs it. */
export interface TestPlace {
  publisher: Publisher;
  /** What lies there for the job under a path; null when there is nothing. */
  content(path: string): Promise<Buffer | null>;
  /** Paths that the place adds itself. */
  own: readonly string[];
  /** Every path of the job's. */
  paths(): Promise<string[]>;
  /** How many places (repositories, folders) there are by now. */
  places(): Promise<number>;
  /** Bytes of files that have been sent there so far. */
  sentBytes(): number;
  /** The next `times` uploads of files are cut off in their middle. */
  cutUploads(times: number): void;
  close(): Promise<void>;
}

const mebibyte = 1024 * 1024;

/** Bytes that look like weights: neither equal blocks nor anything to shrink. */
export function weights(bytes: number, seed: string): Buffer {
  const block = Buffer.concat(
    Array.from({ length: 2_048 }, (_, index) => createHash("sha256").update(`${seed} ${index}`).digest()),
  );
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += block.length) {
    block.copy(content, at);
    content.writeUInt32LE(at % 0xffffffff, Math.min(at, Math.max(0, bytes - 4)));
  }
  return content;
}

/** A file in memory. */
export function memoryFile(path: string, content: Buffer): PublishedFile {
  return {
    path,
    sizeBytes: content.length,
    version: createHash("md5").update(content).digest("hex"),
    async *read(start, end) {
      for (let at = start; at < end; at += 65_536) yield content.subarray(at, Math.min(end, at + 65_536));
    },
  };
}

/** A job's results. */
export function publicationOf(
  files: readonly PublishedFile[],
  jobId = "0190-test-job-12345678",
): Publication {
  return {
    job: {
      job_id: jobId,
      name: "Lighthouse, très belle",
      model_family: "flux",
      user_id: "ada",
      created_at: "2026-11-10T12:00:00.000Z",
    },
    files,
    card: "---\ntags:\n  - simpletuner\n---\n\n# Lighthouse\n",
  };
}

/** What a delivery keeps between attempts. */
export function keepingOf(
  memory: Record<string, unknown> = {},
): Keeping & { memory: Record<string, unknown> } {
  return {
    memory,
    async remember(more) {
      Object.assign(this.memory, more);
    },
  };
}

/** Adds up what a publisher tells. */
export function countingWatch() {
  const seen = { begun: [] as string[], arrived: [] as string[], bytes: 0 };
  const watch: PublishWatch = {
    begins: (path) => void seen.begun.push(path),
    moved: (bytes) => (seen.bytes += bytes),
    arrived: (path, pending) => {
      seen.arrived.push(path);
      seen.bytes += pending;
    },
  };
  return { seen, watch };
}

const never = new AbortController().signal;

/** What every kind of place must do. */
export function publisherConformance(name: string, openPlace: () => Promise<TestPlace>): void {
  describe(`${name}: what every publisher does`, () => {
    const opened: { place: TestPlace | null } = { place: null };
    beforeEach(async () => {
      opened.place = await openPlace();
    });
    afterEach(() => opened.place?.close());
    const placeOf = () => {
      assert.ok(opened.place);
      return opened.place;
    };
    testArriving(placeOf);
    testRepeating(placeOf);
    testInterruptions(placeOf);
    testTrouble(placeOf);
  });
}

const small = [
  ["pytorch_lora_weights.safetensors", weights(300_000, "weights")],
  ["samples/step_100 é+%20.png", weights(40_000, "sample")],
  ["empty.json", Buffer.alloc(0)],
  ["logs/train ing.txt", Buffer.from("one line\n")],
] as const;
const smallFiles = small.map(([path, content]) => memoryFile(path, content));

async function publish(
  { publisher }: TestPlace,
  files: readonly PublishedFile[],
  keeping = keepingOf(),
  { watch = countingWatch().watch, signal = never } = {},
) {
  return publisher.publish(publicationOf(files), keeping, watch, signal);
}

async function expectContent(place: TestPlace, files: readonly (readonly [string, Buffer])[]): Promise<void> {
  for (const [path, content] of files) {
    const there = await place.content(path);
    assert.ok(there !== null, `${path} is there`);
    assert.ok(there.equals(content), `${path} has its bytes`);
  }
}

function testArriving(placeOf: () => TestPlace): void {
  test("a place that works passes its own trial, and nothing of it stays", async () => {
    const steps = await placeOf().publisher.test(never);
    const bad = steps.filter(({ state }) => state !== "good");
    assert.deepEqual(bad, []);
    assert.deepEqual(await placeOf().paths(), []);
  });

  test("every file arrives byte for byte, and each is told once", async () => {
    const place = placeOf();
    const { seen, watch } = countingWatch();
    const { target, url } = await publish(place, smallFiles, keepingOf(), { watch });
    await expectContent(place, small);
    const paths = small.map(([path]) => path);
    assert.deepEqual((await place.paths()).sort(), [...paths, ...place.own].sort());
    assert.deepEqual(seen.arrived.sort(), paths.toSorted());
    const bytes = small.reduce((sum, [, { length }]) => sum + length, 0);
    assert.equal(seen.bytes, bytes);
    assert.ok(target.length > 0 && (url === null || URL.canParse(url)));
  });

  test("a large file arrives whole", async () => {
    const content = weights(21 * mebibyte + 17, "large");
    const { seen, watch } = countingWatch();
    await publish(placeOf(), [memoryFile("model.safetensors", content)], keepingOf(), { watch });
    await expectContent(placeOf(), [["model.safetensors", content]]);
    assert.equal(seen.bytes, content.length);
  });
}

function testRepeating(placeOf: () => TestPlace): void {
  test("what is there is not sent again, what changed is", async () => {
    const place = placeOf();
    await publish(place, smallFiles);
    const before = place.sentBytes();
    const { seen, watch } = countingWatch();
    await publish(place, smallFiles, keepingOf(), { watch });
    assert.equal(place.sentBytes(), before, "nothing was sent again");
    assert.equal(seen.arrived.length, small.length);
    const changed = weights(300_000, "other weights");
    await publish(place, [memoryFile(small[0][0], changed), ...smallFiles.slice(1)]);
    await expectContent(place, [[small[0][0], changed], ...small.slice(1)]);
    assert.equal(await place.places(), 1);
  });
}

/** A watch that breaks the delivery off once so much has moved. */
function stopAfter(bytes: number) {
  const stopping = new AbortController();
  let moved = 0;
  const watch: PublishWatch = {
    ...countingWatch().watch,
    moved(more) {
      moved += more;
      if (moved > bytes) stopping.abort(new Error("the server was stopped"));
    },
  };
  return { watch, signal: stopping.signal };
}

function testInterruptions(placeOf: () => TestPlace): void {
  test("broken off again and again, it goes on: one place and every byte", async () => {
    const content = weights(30 * mebibyte, "long");
    const files = [...smallFiles.slice(0, 1), memoryFile("model.safetensors", content)];
    let memory = {};
    for (const stopAt of [2, 12, 20]) {
      // What was remembered is all that a killed server has.
      const survived = keepingOf(JSON.parse(JSON.stringify(memory)));
      await assert.rejects(publish(placeOf(), files, survived, stopAfter(stopAt * mebibyte)));
      memory = survived.memory;
    }
    await publish(placeOf(), files, keepingOf(memory));
    await expectContent(placeOf(), [["model.safetensors", content], small[0]]);
    assert.equal(await placeOf().places(), 1);
  });

  test("with its memory lost, it still makes no second place and leaves no half file", async () => {
    const content = weights(25 * mebibyte, "lost");
    const files = [memoryFile("model.safetensors", content), ...smallFiles];
    await assert.rejects(publish(placeOf(), files, keepingOf(), stopAfter(0)));
    assert.equal(await placeOf().content("model.safetensors"), null, "no half file is to be seen");
    await publish(placeOf(), files);
    await expectContent(placeOf(), [["model.safetensors", content], ...small]);
    assert.equal(await placeOf().places(), 1);
  });

  test("a delivery that was told to stop before it began sends nothing", async () => {
    const signal = AbortSignal.abort(new Error("stopping"));
    await assert.rejects(publish(placeOf(), smallFiles, keepingOf(), { signal }));
    assert.equal(placeOf().sentBytes(), 0);
  });
}

function testTrouble(placeOf: () => TestPlace): void {
  test("uploads that are cut off are sent again", async () => {
    placeOf().cutUploads(2);
    await publish(placeOf(), smallFiles);
    await expectContent(placeOf(), small);
  });

  test("a file that changes while it is read fails the delivery, not the file", async () => {
    const whole = memoryFile("model.safetensors", weights(20 * mebibyte, "changing"));
    const changing: PublishedFile = {
      ...whole,
      async *read(start, end) {
        if (end > 9 * mebibyte) throw fail("delivery_file_changed", { file: whole.path });
        yield* whole.read(start, end);
      },
    };
    await assert.rejects(
      publish(placeOf(), [changing]),
      (error) => codeOf(error) === "delivery_file_changed",
    );
    assert.equal(await placeOf().content("model.safetensors"), null);
  });
}

/** The code of a failure; of anything else a text that no test expects. */
export function codeOf(error: unknown): string {
  return error instanceof Failure ? error.code : `no failure: ${String(error)}`;
}
