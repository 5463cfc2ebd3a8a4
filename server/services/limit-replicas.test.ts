import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { realRedis } from "../testing/real-services.ts";
import { startTestServer } from "../testing/test-server.ts";

const redis = realRedis();

describe("rate limits of several servers", { skip: redis.skip }, () => {
  it("let exactly the limit through, whichever server is asked", async () => {
    const { url } = await redis.get();
    const env = { RATE_LIMIT_CALLS: "60", STATE_BACKEND: "redis", STATE_BACKEND_URL: url };
    const servers = await Promise.all([startTestServer({ env }), startTestServer({ env })]);
    const ask = async (at: number): Promise<number> => {
      const response = await fetch(`${servers[at % 2]?.url}/api/configs`, {
        headers: { "x-forwarded-for": "203.0.113.1" },
      });
      await response.arrayBuffer();
      return response.status;
    };
    try {
      // Their connections are made before they are counted on.
      for (const server of servers) await server.call("GET /api/cloud/health");
      const statuses = await Promise.all(Array.from({ length: 150 }, (_, at) => ask(at)));
      assert.equal(statuses.filter((status) => status !== 429).length, 60);
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  });
});
