import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ran } from "../testing/captured-io.ts";
import { type Asked, fakeServer } from "../testing/fake-server.ts";

const config = {
  prometheus_enabled: false,
  prometheus_categories: ["jobs", "http"],
  endpoint_url: "https://train.example.com/api/cloud/metrics/prometheus",
  token_required: false,
  token_made_at: null as string | null,
  ignored_categories: [],
};
const route = "/api/cloud/metrics/config";

describe("metrics on the command line", () => {
  test("status says that they are off and how to turn them on", async () => {
    await using server = await fakeServer({ [`GET ${route}`]: () => config });
    const { code, out } = await ran(server.url, ["metrics"]);
    assert.equal(code, 0);
    assert.match(out, /The export is off: https:.*prometheus\n/);
    assert.match(out, /metrics enable --template standard/);
    assert.match(out, /Anybody who reaches the server may scrape/);
  });

  test("enable takes a template or categories, and refuses names that are none before asking the server", async () => {
    const bodies: unknown[] = [];
    await using server = await fakeServer({
      [`PUT ${route}`]: ({ body }: Asked) => {
        bodies.push(body);
        return { ...config, prometheus_enabled: true };
      },
      [`POST ${route}/apply-template/*`]: () => ({ ...config, prometheus_enabled: true }),
    });
    assert.match((await ran(server.url, ["metrics", "enable"])).out, /The export is on/);
    await ran(server.url, ["metrics", "enable", "--categories", "jobs", "audit"]);
    await ran(server.url, ["metrics", "disable"]);
    assert.deepEqual(bodies, [
      { prometheus_enabled: true },
      { prometheus_enabled: true, prometheus_categories: ["jobs", "audit"] },
      { prometheus_enabled: false },
    ]);
    await ran(server.url, ["metrics", "enable", "--template", "full"]);
    assert.equal(server.asked.at(-1), `POST ${route}/apply-template/full`);
    const { code, err } = await ran(server.url, ["metrics", "enable", "--categories", "jobz"]);
    assert.equal(code, 1);
    assert.match(err, /no category jobz\. Those that there are: jobs, http/);
    assert.equal(server.asked.length, 4);
  });

  test("a preview is printed as it is, ready for promtool", async () => {
    const content = "# HELP a b\n# TYPE a gauge\na 1\n";
    await using server = await fakeServer({
      [`POST ${route}/preview`]: () => ({ content, metric_count: 1, categories_used: ["jobs"] }),
    });
    assert.equal((await ran(server.url, ["metrics", "preview"])).out, content);
  });

  test("a token goes into a new private file and over none; the scrape configuration names one when it is needed", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "scrape token "));
    t.after(() => rm(folder, { recursive: true }));
    const needed = { ...config, token_required: true, token_made_at: "2026-01-31T10:00:00.000Z" };
    await using server = await fakeServer({
      [`POST ${route}/token`]: () => ({ token: "stm_abc", config: needed }),
      [`GET ${route}`]: () => needed,
    });
    const file = join(folder, "token");
    const first = await ran(server.url, ["metrics", "token", "--output", file]);
    assert.equal(first.code, 0);
    assert.doesNotMatch(first.out, /stm_abc/);
    assert.equal(await readFile(file, "utf8"), "stm_abc");
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const second = await ran(server.url, ["metrics", "token", "--output", file]);
    assert.equal(second.code, 1);
    assert.match(second.out, /stm_abc/);
    const yaml = (await ran(server.url, ["metrics", "scrape-config"])).out;
    assert.match(yaml, /scheme: https\n/);
    assert.match(yaml, /targets: \["train\.example\.com"\]/);
    assert.match(yaml, /credentials_file/);
  });
});
