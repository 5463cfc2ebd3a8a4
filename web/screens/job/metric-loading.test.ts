import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { MetricSeries } from "@simpletuner-cloud/contract/results.ts";
import { thinned } from "../../components/line-chart-series.ts";
import { lastStep, loadMetrics, pointsPerAnswer, withTail, type FetchSeries } from "./metric-loading.ts";

/** A server with `count` loss values, one every `every` steps, thinned as the real one does it. */
function server(
  count: number,
  every = 1,
): { fetchSeries: FetchSeries; requests: [number | null, number | null][] } {
  const steps = Array.from({ length: count }, (_, index) => (index + 1) * every);
  const values = steps.map((step) => 1 / step + 0.1 * Math.sin(step));
  const requests: [number | null, number | null][] = [];
  return {
    requests,
    fetchSeries: async (keys, from, to) => {
      requests.push([from, to]);
      await Promise.resolve();
      const kept = steps
        .map((step, index) => ({ step, value: values[index] ?? 0 }))
        .filter(({ step }) => (from === null || step >= from) && (to === null || step <= to));
      const series = { steps: kept.map(({ step }) => step), values: kept.map(({ value }) => value) };
      const few = thinned(series, pointsPerAnswer);
      const answer: MetricSeries = { key: keys[0] ?? "loss", steps: [...few.steps], values: [...few.values] };
      return { series: [answer], available: ["loss"] };
    },
  };
}

describe("loading series", () => {
  test("a job that measured nothing has no series and is complete", async () => {
    const found = await loadMetrics(server(0).fetchSeries, ["loss"]);
    assert.equal(found.series.size, 0);
    assert.equal(found.complete, true);
    assert.equal(lastStep(found), null);
  });

  test("a short run comes in one answer", async () => {
    const { fetchSeries, requests } = server(3999, 5);
    const found = await loadMetrics(fetchSeries, ["loss"]);
    assert.equal(found.series.get("loss")?.steps.length, 3999);
    assert.equal(requests.length, 1);
    assert.equal(found.complete, true);
  });

  test("a longer run is brought home whole, every point once", async () => {
    const { fetchSeries, requests } = server(20_000, 10);
    const found = await loadMetrics(fetchSeries, ["loss"]);
    const steps = found.series.get("loss")?.steps ?? [];
    assert.equal(steps.length, 20_000);
    assert.ok(steps.every((step, index) => step === (index + 1) * 10));
    assert.equal(found.complete, true);
    assert.ok(requests.length <= 13, String(requests.length));
  });

  test("steps that were recorded unevenly do not count as left out", async () => {
    const steps = Array.from({ length: 3000 }, (_, index) => index * 3 + (index % 7 === 0 ? 1 : 0));
    const fetchSeries: FetchSeries = async (keys, from, to) => {
      await Promise.resolve();
      const kept = steps.filter((step) => (from === null || step >= from) && (to === null || step <= to));
      return {
        series: [{ key: keys[0] ?? "", steps: kept, values: kept.map(() => 1) }],
        available: [...keys],
      };
    };
    const found = await loadMetrics(fetchSeries, ["loss"]);
    assert.deepEqual(found.series.get("loss")?.steps, steps);
    assert.equal(found.complete, true);
  });

  test("a run of a million points stays thinned and says so", async () => {
    const { fetchSeries, requests } = server(200_000);
    const found = await loadMetrics(fetchSeries, ["loss"]);
    assert.equal(found.complete, false);
    assert.equal(requests.length, 1);
  });

  test("live points go behind the rest and replace what a restart repeats", async () => {
    const found = await loadMetrics(server(5).fetchSeries, ["loss"]);
    const grown = withTail(found, [
      { key: "loss", steps: [5, 6], values: [50, 60] },
      { key: "grad_norm", steps: [6], values: [1] },
    ]);
    assert.deepEqual(grown.series.get("loss")?.steps, [1, 2, 3, 4, 5, 6]);
    assert.equal(grown.series.get("loss")?.values[4], 50);
    assert.deepEqual(grown.available, ["loss", "grad_norm"]);
    assert.equal(lastStep(grown), 6);
  });
});
