import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { ErrorBody } from "@simpletuner-cloud/contract/errors.ts";
import { eventsOf, goodPassword, setUp } from "../testing/account-clients.ts";
import {
  realMariadb,
  realPostgres,
  realRedis,
  type RealService,
  type ServiceUnderTest,
} from "../testing/real-services.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { eventually } from "../testing/trainer-scripts.ts";

const services: Record<"redis" | "postgresql" | "mysql", ServiceUnderTest> = {
  redis: realRedis(),
  postgresql: realPostgres(),
  mysql: realMariadb(),
};

for (const [kind, service] of Object.entries(services))
  describe(`rate limits while ${kind} is killed`, { skip: service.skip }, () => {
    let server: TestServer;
    let backend: RealService;
    before(async () => {
      backend = await service.get();
      const env = { RATE_LIMIT_CALLS: "100000", STATE_BACKEND: kind, STATE_BACKEND_URL: backend.url };
      server = await startTestServer({ accounts: true, env });
      await setUp(server);
    });
    after(() => server.close());

    const headers = { "x-forwarded-for": "203.0.113.1", "content-type": "application/json" };
    const get = async () => {
      const startedAt = performance.now();
      const response = await fetch(`${server.url}/api/auth/setup/status`, { headers });
      await response.arrayBuffer();
      return {
        status: response.status,
        isCounted: response.headers.has("x-ratelimit-limit"),
        ms: performance.now() - startedAt,
      };
    };
    const login = async () => {
      const response = await fetch(`${server.url}/api/auth/login`, {
        method: "POST",
        headers,
        body: JSON.stringify({ username: "root", password: goodPassword }),
      });
      const { error } = (await response.json()) as Partial<ErrorBody>;
      return { status: response.status, error, retryAfter: response.headers.get("retry-after") };
    };
    const health = async () => {
      const { components } = await server.call("GET /api/cloud/health");
      return components.find(({ name }) => name === "rate_limits")?.status;
    };

    it("answers every ordinary request, lets nobody sign in, says so, and counts again by itself", async () => {
      // On a loaded machine the store may not answer the first request in time: it makes its tables.
      await eventually("a request that is counted", async () => ((await get()).isCounted ? true : null));
      await eventually("signing in", async () => ((await login()).status === 200 ? true : null));
      assert.equal(await health(), "healthy");
      const stopped = new AbortController();
      const answers: Awaited<ReturnType<typeof get>>[] = [];
      const flow = Array.from({ length: 4 }, async () => {
        while (!stopped.signal.aborted) answers.push(await get());
      });
      // Whatever fails below, the requests end before the server does.
      try {
        await eventually("some requests", () => (answers.length > 20 ? true : null));
        await backend.kill();
        await eventually("a request that was not counted", () =>
          answers.some(({ isCounted }) => !isCounted) ? true : null,
        );
        const refused = await login();
        assert.deepEqual([refused.status, refused.error], [503, "rate_limits_unavailable"]);
        assert.ok(Number(refused.retryAfter) >= 1);
        assert.equal(await health(), "degraded");
        await backend.start();
        await eventually("requests that are counted again", () => (answers.at(-1)?.isCounted ? true : null));
        await eventually("signing in", async () => ((await login()).status === 200 ? true : null));
      } finally {
        stopped.abort();
        await Promise.all(flow);
      }
      assert.deepEqual(
        answers.filter(({ status }) => status !== 200),
        [],
      );
      assert.equal(await health(), "healthy");
      await eventually("the events", async () => {
        const [suspended] = await eventsOf(server, "rate_limits.suspended");
        const [resumed] = await eventsOf(server, "rate_limits.resumed");
        return suspended && resumed && Number(resumed["unchecked"]) > 0 ? true : null;
      });
    });
  });
