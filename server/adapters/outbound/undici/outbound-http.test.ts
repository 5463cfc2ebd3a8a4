import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { promisify } from "node:util";
import { execFile } from "node:child_process";
import type { OutboundConfig } from "../../../config/outbound.ts";
import { readConfig } from "../../../config.ts";
import { OutboundError, type OutboundRequest } from "../outbound-http.ts";
import { outboundHttp, type Resilience } from "./outbound-http.ts";

/** Set by the test runner; empty where there is none. */
const openssl = process.env["TEST_OPENSSL"] ?? "openssl";
const skip = openssl === "" ? "openssl was not found" : false;
const secret = "Bearer r8_never_to_be_seen";

describe("calls to services outside", () => {
  let folder: string;
  let tls: { key: string; cert: string };
  let seen: IncomingMessage[];
  let closers: (() => Promise<unknown>)[];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "outbound test "));
    if (skip) return;
    const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "ca.pem")];
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
    const name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    await promisify(execFile)(openssl, ["req", "-x509", "-days", "2", ...key, ...name, "-out", certFile]);
    tls = { key: await readFile(keyFile, "utf8"), cert: await readFile(certFile, "utf8") };
  });
  after(() => rm(folder, { recursive: true, force: true }));
  beforeEach(() => {
    seen = [];
    closers = [];
  });
  afterEach(async () => {
    for (const close of closers.toReversed()) await close();
  });

  async function listening(server: Server): Promise<number> {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closers.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    return (server.address() as AddressInfo).port;
  }
  const serve = async (answer: RequestListener): Promise<string> =>
    `http://127.0.0.1:${await listening(
      createServer((request, response) => {
        seen.push(request);
        answer(request, response);
      }),
    )}`;
  const serveTls = async (): Promise<string> =>
    `https://127.0.0.1:${await listening(createTlsServer(tls, (_, response) => response.end("safe")))}`;

  /** A proxy that tunnels and forwards, and notes what it was asked for. */
  async function proxy(status = 200): Promise<{ url: string; asked: string[] }> {
    const asked: string[] = [];
    const sockets = new Set<Socket>();
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(status).end("from the proxy");
    });
    server.on("connect", (request: IncomingMessage, client: Socket) => {
      asked.push(`CONNECT ${request.url}`);
      if (status !== 200) return client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      const [host, port] = (request.url ?? "").split(":");
      const target = connect(Number(port), host, () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n");
        target.pipe(client).pipe(target);
      });
      for (const socket of [client, target]) {
        sockets.add(socket);
        socket.on("error", () => undefined);
      }
    });
    const port = await listening(server);
    closers.push(async () => sockets.forEach((socket) => socket.destroy()));
    return { url: `http://127.0.0.1:${port}`, asked };
  }

  function service(settings: Partial<OutboundConfig> = {}, resilience: Partial<Resilience> = {}) {
    const outbound = outboundHttp(
      { ...readConfig({}).outbound, ...settings },
      { firstWaitMs: 5, ...resilience },
    );
    closers.push(() => outbound.close());
    const state = async () => (await outbound.breakers()[0]?.view())?.state;
    return { ...outbound.service(), state };
  }
  const get = (url: string, more: Partial<OutboundRequest> = {}): OutboundRequest => ({
    method: "GET",
    url,
    headers: { authorization: secret },
    repeat: "safe",
    ...more,
  });
  /** The problem, once it is sure that nothing of the request is told. */
  const problemOf = async (call: Promise<unknown>): Promise<string> => {
    const error: unknown = await call.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof OutboundError, String(error));
    assert.doesNotMatch(`${error.stack}${JSON.stringify(error)}${String(error.cause)}`, /r8_never/);
    return error.problem;
  };

  test(
    "a private authority is trusted only when its file is named, or nothing is verified",
    { skip },
    async () => {
      const url = await serveTls();
      assert.equal(await problemOf(service().text(get(url))), "untrusted_certificate");
      assert.equal((await service({ caBundle: tls.cert }).text(get(url))).body, "safe");
      assert.equal((await service({ verifyTls: false }).text(get(url))).body, "safe");
    },
  );

  test(
    "https goes through a tunnel, http is forwarded, NO_PROXY goes around, and TLS is verified through it",
    { skip },
    async () => {
      const secure = await serveTls();
      const plain = await serve((_, response) => response.end("direct"));
      const { url, asked } = await proxy();
      const settings = { httpsProxy: url, httpProxy: url, caBundle: tls.cert };
      assert.equal((await service(settings).text(get(secure))).body, "safe");
      assert.equal((await service(settings).text(get(`${plain}/x`))).body, "from the proxy");
      assert.deepEqual(asked, [`CONNECT ${new URL(secure).host}`, `GET ${plain}/x`]);
      assert.equal((await service({ ...settings, noProxy: "127.0.0.1" }).text(get(plain))).body, "direct");
      assert.equal(asked.length, 2);
      assert.equal(await problemOf(service({ httpsProxy: url }).text(get(secure))), "untrusted_certificate");
    },
  );

  test(
    "a proxy that refuses is named, and the environment of the process is not read",
    { skip },
    async () => {
      const secure = await serveTls();
      const refusing = await proxy(407);
      assert.equal(await problemOf(service({ httpsProxy: refusing.url }).text(get(secure))), "proxy_refused");
      process.env["HTTPS_PROXY"] = refusing.url;
      try {
        assert.equal((await service({ caBundle: tls.cert }).text(get(secure))).body, "safe");
      } finally {
        delete process.env["HTTPS_PROXY"];
      }
    },
  );

  test("what fails for a moment is sent again, three times at most, each time later", async () => {
    const at: number[] = [];
    const url = await serve((_, response) => {
      at.push(performance.now());
      response.writeHead(at.length < 4 ? 503 : 200).end("body");
    });
    assert.equal((await service({}, { firstWaitMs: 40 }).text(get(url))).status, 200);
    const waits = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    for (const [index, wait] of waits.entries()) assert.ok(wait >= 39 * 2 ** index, `${waits.join()}`);
    at.length = 0;
    const dead = await serve((_, response) => response.writeHead(500).end());
    const earlier = seen.length;
    assert.equal((await service().text(get(dead))).status, 500);
    assert.equal(seen.length - earlier, 4);
  });

  test("429 waits as long as the header, or the body, says", async () => {
    for (const [headers, body] of [
      [{ "retry-after": "0.2" }, ""],
      [{}, '{"detail":"throttled","retry_after":0.2}'],
      [{}, '{"detail":"Your rate limit resets in ~0.2s."}'],
    ] as const) {
      let calls = 0;
      const url = await serve((_, response) =>
        calls++ === 0 ? response.writeHead(429, headers).end(body) : response.end("now"),
      );
      const startedAt = performance.now();
      assert.equal((await service().text(get(url, { repeat: "once", method: "POST" }))).body, "now");
      assert.ok(performance.now() - startedAt >= 195, body);
    }
  });

  test("a call that works once is not sent again when it may have worked, and is when it cannot have", async () => {
    const payment = { method: "POST", repeat: "once", body: "{}" } as const;
    const cutting = await serve((request) => request.socket.destroy());
    assert.equal(await problemOf(service().text(get(cutting, payment))), "cut_off");
    assert.equal(seen.length, 1);
    const failing = await serve((_, response) => response.writeHead(502).end());
    assert.equal((await service().text(get(failing, payment))).status, 502);
    assert.equal(seen.length, 2);
    const closed = createServer();
    const port = await listening(closed);
    closed.close();
    const error = await service()
      .text(get(`http://127.0.0.1:${port}`, payment))
      .catch((thrown: unknown) => thrown);
    assert.deepEqual(
      [(error as OutboundError).problem, (error as OutboundError).mayHaveActed],
      ["not_reached", false],
    );
  });

  test("a service that says nothing is given up after the time limit, before and within its answer", async () => {
    const silent = await serve(() => undefined);
    assert.equal(await problemOf(service({ timeoutMs: 100 }, { retries: 0 }).text(get(silent))), "silent");
    const halting = await serve((_, response) => void response.writeHead(200).write("begin"));
    assert.equal(await problemOf(service({ timeoutMs: 100 }, { retries: 0 }).text(get(halting))), "silent");
  });

  test("the circuit opens after five failures, lets calls through again after its time, and closes after two that work", async () => {
    let works = false;
    const url = await serve((_, response) => response.writeHead(works ? 200 : 500).end());
    const caller = service({}, { retries: 0, openMs: 150 });
    for (let call = 0; call < 5; call++) assert.equal((await caller.text(get(url))).status, 500);
    assert.equal(await caller.state(), "open");
    assert.equal(await problemOf(caller.text(get(url))), "circuit_open");
    assert.equal(seen.length, 5);
    works = true;
    await new Promise((resolve) => setTimeout(resolve, 160));
    await caller.text(get(url));
    assert.equal(await caller.state(), "half_open");
    await caller.text(get(url));
    assert.equal(await caller.state(), "closed");
    assert.equal(await service().state(), "closed");
  });

  test("refusals and rate limits do not open the circuit", async () => {
    const url = await serve((_, response) => response.writeHead(422).end());
    const caller = service();
    for (let call = 0; call < 8; call++) await caller.text(get(url));
    assert.equal(await caller.state(), "closed");
  });

  test("a body is streamed with its length, read anew for each attempt; what goes wrong with it is its own error", async () => {
    const bodies: string[] = [];
    const url = await serve((request, response) => {
      const answer = (body: string): void => {
        bodies.push(`${request.headers["content-length"]} ${body}`);
        response.writeHead(bodies.length === 1 ? 503 : 200).end();
      };
      // The broken body ends in a cut.
      text(request).then(answer, () => undefined);
    });
    const body = {
      sizeBytes: 6,
      open: async function* () {
        yield Buffer.from("abc");
        yield Buffer.from("def");
      },
    };
    await service().text(get(url, { method: "POST", body }));
    assert.deepEqual(bodies, ["6 abcdef", "6 abcdef"]);
    const broken = {
      sizeBytes: 6,
      open: async function* () {
        yield Buffer.from("abc");
        throw new Error("the disk is gone");
      },
    };
    await assert.rejects(service().text(get(url, { method: "POST", body: broken })), /the disk is gone/);
  });

  test("an answer that is too long is refused, a download is not held in memory, a redirect is not followed", async () => {
    const long = await serve((_, response) => response.end("x".repeat(100_000)));
    assert.equal(await problemOf(service().text(get(long), 1_000)), "too_large");
    const { body } = await service().download(get(long));
    assert.ok(typeof body !== "string");
    assert.equal((await text(body)).length, 100_000);
    const leading = await serve((_, response) => response.writeHead(302, { location: `${long}/` }).end());
    assert.equal((await service().download(get(leading))).status, 302);
  });

  test("a cancelled call ends at once with the signal's reason, waits between attempts too", async () => {
    const stop = new AbortController();
    const failing = await serve((_, response) => response.writeHead(503).end());
    const call = service({}, { firstWaitMs: 60_000 }).text(get(failing, { signal: stop.signal }));
    setTimeout(() => stop.abort(new Error("cancelled")), 50);
    await assert.rejects(call, /cancelled/);
  });

  test("says who calls, with a correlation id of 12 characters or the one that was given", async () => {
    const url = await serve((_, response) => response.end());
    await service().text(get(url));
    await service().text(get(url, { correlationId: "run-token" }));
    assert.equal(seen[0]?.headers["user-agent"], "SimpleTuner-Cloud/1.0");
    assert.match(String(seen[0]?.headers["x-correlation-id"]), /^[\w-]{12}$/);
    assert.equal(seen[1]?.headers["x-correlation-id"], "run-token");
  });
});
