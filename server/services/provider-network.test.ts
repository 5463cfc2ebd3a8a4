import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request as httpRequest, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ReplicateEmulator, startReplicateEmulator } from "../../e2e/replicate-emulator/emulator.ts";
import {
  type Certificate,
  makeAuthority,
  makeServerCertificate,
  programs,
  type RealProxy,
  startInspectingSquid,
  startTinyproxy,
} from "../testing/real-proxies.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { eventually } from "../testing/trainer-scripts.ts";

const found = (program: string, ...args: string[]) =>
  program !== "" && spawnSync(program, args, { stdio: "ignore" }).error === undefined;
const needs = [
  ["openssl", found(programs.openssl, "version")],
  ["tinyproxy", found(programs.tinyproxy, "-v")],
  ["squid with TLS inspection", found(programs.squid, "-v") && existsSync(programs.certgen)],
] as const;
const missing = needs.filter(([, there]) => !there).map(([name]) => name);
const skip = missing.length > 0 ? `${missing.join(", ")} was not found` : false;

describe("network settings of a provider, through real proxies", { skip }, () => {
  let emulator: ReplicateEmulator;
  let front: Server;
  let server: TestServer;
  let folder: string;
  let authority: Certificate;
  let inspector: Certificate;
  let tinyproxy: RealProxy;
  let squid: RealProxy;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "network-test-"));
    await chmod(folder, 0o755);
    authority = await makeAuthority(folder, "authority");
    inspector = await makeAuthority(folder, "inspector");
    const { certFile, keyFile } = await makeServerCertificate(folder, authority);
    emulator = await startReplicateEmulator();
    const tls = { cert: await readFile(certFile), key: await readFile(keyFile) };
    front = createTlsServer(tls, passOn(emulator.baseUrl));
    front.listen(0, "127.0.0.1");
    await once(front, "listening");
    tinyproxy = await startTinyproxy("ada", "open-sesame");
    squid = await startInspectingSquid(inspector, authority);
    server = await startTestServer({
      env: {
        REPLICATE_API_TOKEN: emulator.token,
        REPLICATE_BASE_URL: `https://127.0.0.1:${(front.address() as AddressInfo).port}/v1`,
        REPLICATE_STATUS_URL: emulator.statusUrl,
        SIMPLETUNER_HTTP_TIMEOUT: "10",
      },
    });
  });
  after(async () => {
    await server?.close();
    await squid?.close();
    await tinyproxy?.close();
    front?.closeAllConnections();
    front?.close();
    await emulator?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const put = (body: object) =>
    server.call("PUT /api/cloud/providers/{provider}/config", { params: { provider: "replicate" }, body });
  const validate = () => server.call("GET /api/cloud/providers/replicate/validate");
  const nothing = { ssl_ca_bundle: null, proxy_url: null, ssl_verify: null, http_timeout: null };
  const withUser = (url: string, user: string) => url.replace("://", `://${user}@`);

  test("a private authority is trusted once its file is named, and no longer when that is cleared", async () => {
    const untrusted = await validate();
    assert.equal(untrusted.valid, null);
    assert.match(untrusted.error ?? "", /certificate that is not trusted/);
    await put({ ssl_ca_bundle: authority.certFile });
    assert.equal((await validate()).valid, true);
    await put(nothing);
    assert.equal((await validate()).valid, null);
  });

  test("without verification any certificate is taken, after the risk was confirmed", async () => {
    await put({ ssl_verify: false, ssl_risk_acknowledged: true });
    assert.equal((await validate()).valid, true);
    await put(nothing);
    assert.equal((await validate()).valid, null);
  });

  test("https goes through tinyproxy with user and password, plain http as well, from the next call on", async () => {
    await put({ ssl_ca_bundle: authority.certFile, proxy_url: withUser(tinyproxy.url, "ada:open-sesame") });
    const quiet = (await tinyproxy.log()).length;
    assert.equal((await validate()).valid, true);
    const { operational } = await server.call("GET /api/cloud/replicate/status");
    assert.equal(operational, true);
    const log = (await tinyproxy.log()).slice(quiet);
    assert.match(log, /CONNECT 127\.0\.0\.1:\d+ HTTP/);
    assert.match(log, /GET http:\/\/127\.0\.0\.1:\d+\/status\/api\/v1\/summary HTTP/);
    await put({ proxy_url: null });
    const silent = (await tinyproxy.log()).length;
    assert.equal((await validate()).valid, true);
    assert.doesNotMatch((await tinyproxy.log()).slice(silent), /CONNECT/);
    await put(nothing);
  });

  test("a proxy that refuses the password is told as such, and the password nowhere", async () => {
    await put({ ssl_ca_bundle: authority.certFile, proxy_url: withUser(tinyproxy.url, "ada:wrong-word") });
    const refused = await validate();
    assert.equal(refused.valid, null);
    assert.match(refused.error ?? "", /not reachable through the proxy \(status 40[17]\)/);
    assert.doesNotMatch(JSON.stringify(refused), /wrong-word/);
    await put(nothing);
  });

  test("a proxy that inspects TLS works with its authority in the bundle, and only with it", async () => {
    await put({ ssl_ca_bundle: authority.certFile, proxy_url: squid.url });
    const untrusted = await validate();
    assert.deepEqual([untrusted.valid, /not trusted/.test(untrusted.error ?? "")], [null, true]);
    await put({ ssl_ca_bundle: inspector.certFile });
    assert.equal((await validate()).valid, true);
    assert.match(await squid.log(), /GET https:\/\/127\.0\.0\.1:\d+\/v1\/account/, "squid saw inside");
    await put(nothing);
  });

  test("a proxy that is not there is told, and the time limit holds", async () => {
    await put({ ssl_ca_bundle: authority.certFile, proxy_url: "http://127.0.0.1:9" });
    assert.match((await validate()).error ?? "", /Replicate does not answer/);
    await put({ ...nothing, ssl_ca_bundle: authority.certFile, http_timeout: 1 });
    emulator.faults.set("account", "slow", 9);
    const slow = await validate();
    emulator.faults.clear();
    assert.deepEqual([slow.valid, /did not answer in time/.test(slow.error ?? "")], [null, true]);
    await put(nothing);
  });

  test("a call under way is finished on its old connection while the next goes out by the new settings", async () => {
    await put({ ssl_ca_bundle: authority.certFile, proxy_url: withUser(tinyproxy.url, "ada:open-sesame") });
    emulator.faults.set("account", "slow", 1);
    const first = validate();
    const calls = emulator.calls.length;
    await eventually("the first call", () => emulator.calls.length > calls);
    await put({ proxy_url: squid.url, ssl_ca_bundle: inspector.certFile });
    assert.equal((await validate()).valid, true);
    assert.equal((await first).valid, true);
    assert.equal(emulator.calls.length, calls + 2, "the first call was not cut off and sent again");
    await put(nothing);
  });

  test("a bundle that is renewed on the disk is taken, one that vanished is told", async () => {
    const file = join(folder, "bundle.pem");
    await writeFile(file, await readFile(inspector.certFile));
    await put({ ssl_ca_bundle: file });
    assert.equal((await validate()).valid, null);
    await writeFile(file, await readFile(authority.certFile));
    assert.equal((await validate()).valid, true);
    await rm(file);
    assert.match(
      (await validate()).error ?? "",
      /bundle\.pem cannot be used as certificates to trust: ENOENT/,
    );
    await put(nothing);
  });
});

/** Hands requests on to the plain server behind. */
function passOn(baseUrl: string): RequestListener {
  const { host } = new URL(baseUrl);
  const [hostname, port] = host.split(":");
  return (request, response) => {
    const { method, url, headers } = request;
    const onward = httpRequest({ hostname, port, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  };
}
