import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import { CommandFailure } from "./io.ts";
import { connectTo, sentenceOf, serverUrl } from "./server-address.ts";
import { fakeServer } from "./testing/fake-server.ts";

test("a wrong --server or port is a usage error that names it", () => {
  for (const [option, env] of [
    ["localhost:8001", {}],
    ["ftp://x", {}],
    [undefined, { SIMPLETUNER_PORT: "80a" }],
    [undefined, { SIMPLETUNER_PORT: "70000" }],
  ] as const) {
    assert.throws(
      () => serverUrl(option, env),
      (error: unknown) => {
        assert.ok(error instanceof CommandFailure);
        assert.equal(error.exitCode, 2);
        assert.match(error.message, /--server|SIMPLETUNER_PORT/);
        return true;
      },
    );
  }
});

test("the address comes from the option, then the environment, then the default", () => {
  assert.equal(serverUrl("https://a.example/base/", { SIMPLETUNER_PORT: "1" }), "https://a.example/base");
  assert.equal(serverUrl(undefined, {}), "http://127.0.0.1:8001");
  const env = { SIMPLETUNER_HOST: "::1", SIMPLETUNER_PORT: "9", SIMPLETUNER_SSL_ENABLED: "true" };
  assert.equal(serverUrl(undefined, env), "https://[::1]:9");
  assert.equal(serverUrl(undefined, { SIMPLETUNER_HOST: "0.0.0.0" }), "http://127.0.0.1:8001");
});

test("the API key travels as a header; no key, no header", async () => {
  const keys: unknown[] = [];
  await using server = await fakeServer({
    "GET /health": ({ headers }) => {
      keys.push(headers["x-api-key"]);
      return { status: "healthy", mode: "unified" };
    },
  });
  const interrupted = new AbortController().signal;
  await connectTo(server.url, { env: { SIMPLETUNER_API_KEY: "k1" }, interrupted }).call("GET /health");
  await connectTo(server.url, { env: {}, interrupted }).call("GET /health");
  assert.deepEqual(keys, ["k1", undefined]);
});

test("sentences: unreachable says how to start, internal keeps its correlation id", () => {
  const unreachable = new ApiError(0, "unreachable", "The server does not answer.", {}, "");
  assert.match(sentenceOf(unreachable), /simpletuner-cloud server$/);
  assert.match(sentenceOf(new ApiError(502, "internal", "The server answered 502.", {}, "c-9")), /c-9/);
  assert.equal(sentenceOf("text"), "text");
});
