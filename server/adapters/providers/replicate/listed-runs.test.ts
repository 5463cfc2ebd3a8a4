import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { eventually } from "../../../testing/trainer-scripts.ts";
import { never, openReplicateSite, type ReplicateSite } from "./replicate-test-site.ts";

describe("runs as the account lists them", () => {
  let site: ReplicateSite;

  beforeEach(async () => {
    site = await openReplicateSite({ trainMs: 60_000 });
  });
  afterEach(() => site.close());

  /** Makes another prediction like the first, with another configuration. */
  function create(change: (config: string) => string): string {
    const [first] = site.emulator.predictions;
    assert.ok(first);
    const input = { ...first.input, config_json: change(String(first.input["config_json"])) };
    return site.emulator.create(Buffer.from(JSON.stringify({ version: first.version, input }))).id;
  }

  async function listed(): Promise<Map<string, string | null>> {
    const { runs } = site.provider();
    assert.ok(runs);
    const found = new Map<string, string | null>();
    for await (const run of runs.list(0)) found.set(run.externalId, run.runToken);
    return found;
  }

  test("only this installation's own carry a run token; those of another, or of nobody, never do", async () => {
    const { externalId } = await site.provider().start(site.request(), never);
    const foreign = create((config) => config.replace("simpletuner-cloud.here.", "simpletuner-cloud.there."));
    const untagged = create(() => '{"model_family":"sdxl"}');
    const broken = create(() => "{}");
    assert.deepEqual(
      await listed(),
      new Map([
        [broken, null],
        [untagged, null],
        [foreign, null],
        [externalId ?? "", "token0000001"],
      ]),
    );
  });

  test("stopping one that is over, or that there is not, stops nothing", async () => {
    const { externalId } = await site.provider().start(site.request(), never);
    const { runs } = site.provider();
    assert.equal(await runs?.stop(externalId ?? ""), true);
    const [prediction] = site.emulator.predictions;
    assert.notEqual(prediction?.canceledAtMs ?? null, null);
    await eventually("its end", () => site.emulator.view(prediction!).status === "canceled");
    assert.equal(await runs?.stop(externalId ?? ""), false);
    assert.equal(await runs?.stop("missing"), false);
  });
});
