import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { HubSettings } from "@simpletuner-cloud/contract/destinations.ts";
import { startHubEmulator } from "../../../../e2e/hub-emulator/emulator.ts";
import type { HubTrouble } from "../../../../e2e/hub-emulator/world.ts";
import { readConfig } from "../../../config.ts";
import { outboundHttp } from "../../outbound/undici/outbound-http.ts";
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
import { hubPublisher } from "./hub-publisher.ts";

const never = new AbortController().signal;
const mebibyte = 1024 * 1024;
const name = "ada/Lighthouse-tres-belle-12345678";

/** An emulated Hub and a publisher that delivers to it. */
async function hubPlace(changed: Partial<HubSettings> = {}, given: { token?: string | null } = {}) {
  const hub = await startHubEmulator();
  const http = outboundHttp(readConfig({}).outbound, { firstWaitMs: 1 });
  const settings: HubSettings = {
    kind: "huggingface",
    owner: null,
    repository: "{name}-{id}",
    private: true,
    license: null,
    include_samples: true,
    include_checkpoints: true,
    ...changed,
  };
  const publisherWith = (token: string | null) =>
    hubPublisher({
      settings,
      hubUrl: hub.url,
      token,
      http: http.service(),
      storageHttp: http.guarded(),
    });
  const isUpload = ({ method, path }: { method: string; path: string }) =>
    method === "PUT" || path.includes("/commit/");
  const place: TestPlace = {
    publisher: publisherWith(given.token === undefined ? hub.token : given.token),
    own: ["README.md", ".gitattributes"],
    content: async (path) => hub.models.get(name)?.files.get(path) ?? null,
    paths: async () => [...(hub.models.get(name)?.files.keys() ?? [])],
    places: async () => hub.models.size,
    sentBytes: () => hub.calls.filter(isUpload).reduce((sum, { bytes }) => sum + bytes, 0),
    cutUploads: (times) => void hub.behaviour.trouble.push({ on: /^PUT /, answer: "cut", times }),
    async close() {
      await http.close();
      await hub.close();
      assert.deepEqual(hub.complaints, []);
    },
  };
  const publish = (files: readonly PublishedFile[], keeping = keepingOf(), publisher = place.publisher) =>
    publisher.publish(publicationOf(files), keeping, countingWatch().watch, never);
  return { ...place, hub, settings, publisherWith, publish };
}

publisherConformance("a repository of the Hugging Face Hub", () => hubPlace());

describe("a repository of the Hugging Face Hub", () => {
  let place: Awaited<ReturnType<typeof hubPlace>>;
  const open = async (...given: Parameters<typeof hubPlace>) => {
    await place.close();
    place = await hubPlace(...given);
  };
  beforeEach(async () => {
    place = await hubPlace();
  });
  afterEach(() => place.close());
  const file = memoryFile("model.safetensors", weights(100_000, "model"));
  const failure = async (work: Promise<unknown>) => {
    const error: unknown = await work.then(
      () => assert.fail("it went well"),
      (thrown: unknown) => thrown,
    );
    const { message } = error as Error;
    assert.ok(!message.includes(place.hub.token), "no token in an error");
    return { code: codeOf(error), message };
  };
  const answers = (on: RegExp, status: number, body: unknown, times = 100) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const trouble: HubTrouble = { on, answer: { status, body: text }, times };
    place.hub.behaviour.trouble.push(trouble);
  };

  test("is private and described by its card; the trainer's own card goes along", async () => {
    const files = [file, memoryFile("README.md", Buffer.from("# by the trainer\n"))];
    const { target, url } = await place.publish(files);
    assert.deepEqual([target, url], [name, `${place.hub.url}/${name}`]);
    const repository = place.hub.models.get(name);
    assert.equal(repository?.private, true);
    assert.match(String(repository?.files.get("README.md")), /# Lighthouse/);
    assert.equal(String(repository?.files.get("README.trainer.md")), "# by the trainer\n");
    assert.deepEqual(
      repository?.commits.map(({ title }) => title),
      ["Add Lighthouse, très belle"],
    );
    assert.deepEqual(place.hub.repositories.size, 0, "no dataset");
  });

  test("may be public when the destination says so, and belong to an organisation", async () => {
    await open({ private: false, owner: "team" });
    place.hub.organisations.set("team", "write");
    assert.equal((await place.publish([file])).target, "team/Lighthouse-tres-belle-12345678");
    const [repository] = place.hub.models.values();
    assert.equal(repository?.private, false);
  });

  test("that everybody can read gets nothing of a destination that is private", async () => {
    place.hub.models.set(name, { private: false, commits: [], files: new Map() });
    const { code, message } = await failure(place.publish([file]));
    assert.equal(code, "destination_public");
    assert.match(message, new RegExp(name));
    assert.equal(place.hub.models.get(name)?.files.size, 0);
  });

  test("gets no second commit for what it has, and none that hides a loss", async () => {
    await place.publish([file]);
    await place.publish([file]);
    assert.equal(place.hub.models.get(name)?.commits.length, 1);
    place.hub.behaviour.loses = "other.safetensors";
    const other = memoryFile("other.safetensors", weights(1_000, "other"));
    assert.equal((await failure(place.publish([file, other]))).code, "destination_incomplete");
  });

  test("takes files in parts, and those of an attempt that was broken off are not sent again", async () => {
    place.hub.behaviour.partBytes = 5 * mebibyte;
    const large = memoryFile("large.safetensors", weights(12 * mebibyte + 7, "large"));
    answers(/^POST .*\/commit\//, 403, { error: "not now" }, 1);
    assert.equal((await failure(place.publish([large]))).code, "destination_refused");
    const parts = () => place.hub.calls.filter(({ method }) => method === "PUT").length;
    assert.equal(parts(), 3);
    await place.publish([large]);
    assert.equal(parts(), 3, "the object is in the storage already");
    assert.equal(place.hub.models.get(name)?.files.get("large.safetensors")?.length, 12 * mebibyte + 7);
  });

  test("takes many files in several commits, and lists them page by page", async () => {
    const files = Array.from({ length: 130 }, (_, index) =>
      memoryFile(`samples/${index}.txt`, Buffer.from(`sample ${index}`)),
    );
    await place.publish(files);
    assert.deepEqual(
      place.hub.models.get(name)?.commits.map(({ title }) => title.slice(-8)),
      ["(1 of 2)", "(2 of 2)"],
    );
    const before = place.sentBytes();
    await place.publish(files);
    assert.equal(place.sentBytes(), before);
  });

  test("keeps the name that the job has, whatever the pattern becomes", async () => {
    const keeping = keepingOf();
    await place.publish([file], keeping);
    assert.deepEqual(keeping.memory, { repository: name });
    const renamed = keepingOf({ repository: "ada/first-name" });
    assert.equal((await place.publish([file], renamed)).target, "ada/first-name");
  });

  test("each refusal is one sentence that names what to set right", async () => {
    const { hub } = place;
    hub.tokens.set("hf_reads", { account: "ada", role: "read" });
    hub.tokens.set("hf_other", { account: "ada", role: "fineGrained", writesTo: ["team"] });
    const cases: [string | null, RegExp][] = [
      [null, /there is no token.*HF_TOKEN/],
      ["sk_other", /begin with hf_/],
      ["hf_wrong", /refuses the token \(401: Invalid username or password\)\. Its token is wrong/],
      ["hf_reads", /may only read\. Make one with the role write/],
      ["hf_other", /may not write to repositories of ada/],
    ];
    for (const [token, words] of cases) {
      const told = await failure(place.publish([file], keepingOf(), place.publisherWith(token)));
      assert.equal(told.code, "destination_refused", String(token));
      assert.match(told.message, words);
    }
    assert.equal(hub.models.size, 0);
  });

  test("a fine-grained token that may write to the owner is enough", async () => {
    place.hub.tokens.set("hf_fine", { account: "ada", role: "fineGrained", writesTo: ["ada"] });
    await place.publish([file], keepingOf(), place.publisherWith("hf_fine"));
    assert.equal(place.hub.models.size, 1);
  });

  test("owners that the token has nothing to do with are told before anything is made", async () => {
    await open({ owner: "strangers" });
    assert.match((await failure(place.publish([file]))).message, /does not belong to strangers/);
    place.hub.organisations.set("strangers", "read");
    assert.match((await failure(place.publish([file]))).message, /ada may only read in strangers/);
  });

  test("what the Hub answers is told apart: what passes by itself, and what somebody sets right", async () => {
    const cases: [RegExp, number, unknown, code: string, words: RegExp][] = [
      [/repos\/create/, 429, { error: "Too many repositories today" }, "destination_busy", /Too many/],
      [/commit/, 412, { error: "A commit has happened since" }, "destination_busy", /412/],
      [/commit/, 400, { error: "Invalid metadata in README.md" }, "destination_refused", /Invalid metadata/],
      [
        /commit/,
        403,
        { error: "Private repository storage limit reached, please upgrade your plan" },
        "destination_full",
        /storage limit/,
      ],
      [/preupload/, 404, { error: "Repository not found" }, "destination_refused", /may not see it/],
      [/preupload/, 307, "", "destination_refused", /renamed/],
      [/whoami/, 503, "<html>Service Unavailable</html>", "destination_unreachable", /503/],
      [/whoami/, 200, "<html>Sign in to this network</html>", "destination_unreachable", /cannot be read/],
      [/tree/, 200, "{}", "destination_unreachable", /cannot be read/],
    ];
    for (const [on, status, body, code, words] of cases) {
      await open();
      answers(on, status, body);
      const told = await failure(place.publish([file]));
      assert.equal(told.code, code, `${on} ${status}: ${told.message}`);
      assert.match(told.message, words);
    }
    await place.hub.close();
    assert.equal((await failure(place.publish([file]))).code, "destination_unreachable");
    place = await hubPlace();
  });

  test("an answer that names an address of this network for uploads is not followed", async () => {
    place.hub.behaviour.storageOrigin = "http://169.254.169.254";
    const told = await failure(place.publish([file]));
    assert.equal(told.code, "destination_refused");
    assert.match(told.message, /not on the internet/);
  });

  test("its trial says whose the token is and what it may do", async () => {
    const trial = async (token: string | null) =>
      (await place.publisherWith(token).test(never)).map(({ step, state, message }) => [
        step,
        state,
        message,
      ]);
    assert.deepEqual(await trial(place.hub.token), [
      ["token", "good", "ada"],
      ["write", "good", "ada"],
    ]);
    place.hub.tokens.set("hf_reads", { account: "ada", role: "read" });
    const [, write] = await trial("hf_reads");
    assert.deepEqual(write?.slice(0, 2), ["write", "bad"]);
    const [token, skipped] = await trial("hf_wrong");
    assert.deepEqual([token?.[1], skipped?.[1]], ["bad", "skipped"]);
    assert.equal(place.hub.models.size, 0);
  });
});
