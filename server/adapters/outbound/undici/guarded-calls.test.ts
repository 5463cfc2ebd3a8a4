import assert from "node:assert/strict";
import type { lookup, LookupAddress } from "node:dns";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, test } from "node:test";
import { readConfig } from "../../../config.ts";
import { addressGuard } from "../address-guard.ts";
import { OutboundError } from "../outbound-http.ts";
import { outboundHttp } from "./outbound-http.ts";

/** Names and what they lead to, one list of addresses for each question in turn; the last one stays. */
type Names = Record<string, string[][]>;

describe("calls to addresses that users name", () => {
  let server: Server;
  let port: number;
  let asked: string[];
  let closers: (() => Promise<unknown>)[];

  beforeEach(async () => {
    asked = [];
    closers = [];
    server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      if (request.url === "/leads") response.writeHead(302, { location: "http://169.254.169.254/" }).end();
      else response.end("private");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });
  afterEach(async () => {
    for (const close of closers) await close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  /** A caller in a world where names lead to what the test says, and questions are counted. */
  function site(names: Names = {}, env: NodeJS.ProcessEnv = {}) {
    const questions: string[] = [];
    const resolve = ((
      name: string,
      _options: object,
      callback: (error: Error | null, found?: LookupAddress[]) => void,
    ) => {
      questions.push(name);
      const answers = names[name];
      const addresses = answers && answers.length > 1 ? answers.shift() : answers?.[0];
      if (!addresses) return callback(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }));
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
      );
    }) as unknown as typeof lookup;
    const { outbound } = readConfig({ SIMPLETUNER_HTTP_TIMEOUT: "2", ...env });
    const http = outboundHttp(
      outbound,
      { retries: 0 },
      { guard: addressGuard(outbound.allowedAddresses, resolve) },
    );
    closers.push(() => http.close());
    const guarded = http.guarded();
    const call = (url: string, from = guarded) =>
      from.text({ method: "POST", url, body: "{}", repeat: "once" }).then(
        ({ status, body }) => `${status} ${body}`,
        (error: unknown) => (error instanceof OutboundError ? error.problem : String(error)),
      );
    return { http, call, questions };
  }

  test("never reach this machine or its network, however the address is written", async () => {
    const { call } = site({ "inside.example.org": [["10.1.2.3"]], localhost: [["127.0.0.1"]] });
    for (const host of [
      "127.0.0.1",
      "127.1",
      "2130706433",
      "0x7f000001",
      "0177.0.0.1",
      "0.0.0.0",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
      "[64:ff9b::7f00:1]",
      "[::]",
      "localhost",
      "10.0.0.1",
      "192.168.1.1",
      "172.20.1.1",
      "100.64.1.1",
      "169.254.169.254",
      "[fe80::1]",
      "[fd00::1]",
      "224.0.0.1",
      "inside.example.org",
    ])
      assert.equal(await call(`http://${host}:${port}/`), "address_refused", host);
    assert.deepEqual(asked, []);
  });

  test("a name that leads to a public and a private address is refused as a whole", async () => {
    const { call } = site({ "both.example.org": [["93.184.216.34", "127.0.0.1"]] });
    assert.equal(await call(`http://both.example.org:${port}/`), "address_refused");
    assert.deepEqual(asked, []);
  });

  test("a name that changes its mind between a look and the connection gains nothing", async () => {
    const names = { "rebound.example.org": [["127.0.0.2"], ["127.0.0.1"]] };
    const { call, questions } = site(names, { SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "127.0.0.2" });
    // The connection's own question is the only one: what it answered is what is called, and nobody is there.
    assert.equal(await call(`http://rebound.example.org:${port}/`), "not_reached");
    assert.equal(questions.length, 1);
    assert.equal(await call(`http://rebound.example.org:${port}/`), "address_refused");
    assert.deepEqual(asked, []);
  });

  test("are allowed where the operator says so: all that is private, or what is listed", async () => {
    const names = { "here.example.org": [["127.0.0.1"]] };
    const every = site(names, { SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "true" });
    assert.equal(await every.call(`http://here.example.org:${port}/a`), "200 private");
    assert.equal(await every.call(`http://127.0.0.1:${port}/b`), "200 private");
    assert.equal(await every.call("http://169.254.169.254/latest/meta-data"), "address_refused");
    const listed = site(names, { SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "10.0.0.0/8, 127.0.0.1" });
    assert.equal(await listed.call(`http://here.example.org:${port}/c`), "200 private");
    assert.equal(await listed.call(`http://127.0.0.2:${port}/`), "address_refused");
    const none = site(names, { SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "10.0.0.0/8" });
    assert.equal(await none.call(`http://here.example.org:${port}/`), "address_refused");
    assert.deepEqual(asked, ["POST /a", "POST /b", "POST /c"]);
    assert.throws(
      () => readConfig({ SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "10.0.0.0/8,home" }),
      /"home" is neither/,
    );
  });

  test("a redirect is an answer: nobody follows it inside", async () => {
    const { call } = site({}, { SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "127.0.0.1" });
    assert.match(await call(`http://127.0.0.1:${port}/leads`), /^302/);
    assert.deepEqual(asked, ["POST /leads"]);
  });

  test("the server's own services are not asked where they are", async () => {
    const { http, call } = site();
    assert.equal(await call(`http://127.0.0.1:${port}/own`, http.service()), "200 private");
  });

  test("through a proxy, which resolves by itself, the same names and addresses are refused before it is asked", async () => {
    const sockets = new Set<Socket>();
    const proxied: string[] = [];
    const proxy = createServer((request, response) => {
      proxied.push(`${request.url}`);
      response.end("from the proxy");
    });
    proxy.on("connection", (socket) => sockets.add(socket));
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    closers.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => proxy.close(resolve));
    });
    const names = { "inside.example.org": [["10.1.2.3"]], "outside.example.org": [["93.184.216.34"]] };
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const { call } = site(names, { HTTP_PROXY: address, HTTPS_PROXY: address });
    for (const host of [
      "127.0.0.1",
      "[::1]",
      "169.254.169.254",
      "inside.example.org",
      "intranet",
      "x.internal",
      "nas.local",
    ])
      for (const scheme of ["http", "https"])
        assert.equal(await call(`${scheme}://${host}/`), "address_refused", `${scheme}://${host}`);
    assert.deepEqual(proxied, []);
    assert.equal(await call("http://outside.example.org/"), "200 from the proxy");
    assert.equal(await call("http://known-to-the-proxy.example.org/"), "200 from the proxy");
  });

  test("one address that fails does not keep others from being called", async () => {
    const { call } = site({}, { SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: "127.0.0.1" });
    const closed = createServer();
    closed.listen(0, "127.0.0.1");
    await once(closed, "listening");
    const dead = (closed.address() as AddressInfo).port;
    await new Promise((resolve) => closed.close(resolve));
    await assert.rejects(once(connect(dead, "127.0.0.1"), "connect"));
    for (let index = 0; index < 8; index++)
      assert.equal(await call(`http://127.0.0.1:${dead}/`), "not_reached");
    assert.equal(await call(`http://127.0.0.1:${port}/`), "200 private");
  });
});
