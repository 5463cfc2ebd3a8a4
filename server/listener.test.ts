import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect, type TLSSocket } from "node:tls";
import { connect as connectSocket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { apiClient } from "@simpletuner-cloud/contract/client.ts";
import { StartError } from "./config/values.ts";
import { eventually } from "./testing/trainer-scripts.ts";
import { startQuietly } from "./testing/test-log.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "./testing/test-server.ts";

const run = promisify(execFile);
const openssl = process.env["TEST_OPENSSL"] ?? "openssl";
const curl = process.env["TEST_CURL"] ?? "curl";
const skip = openssl === "" ? "openssl was not found" : curl === "" ? "curl was not found" : false;

describe("a server with a certificate", { skip }, () => {
  let folder: string;
  let server: TestServer;
  let port: string;
  let ca: string;

  const make = async (name: string): Promise<void> => {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout"];
    const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
    const files = [join(folder, `${name}.key`), "-out", join(folder, `${name}.pem`)];
    await run(openssl, ["req", "-x509", "-days", "2", ...key, ...files, ...subject]);
  };
  const use = async (name: string): Promise<void> => {
    await copyFile(join(folder, `${name}.pem`), join(folder, "cert.pem"));
    await copyFile(join(folder, `${name}.key`), join(folder, "key.pem"));
  };
  const curled = async (...args: string[]): Promise<string> =>
    (await run(curl, ["--silent", "--show-error", "--cacert", ca, ...args], { maxBuffer: 64 << 20 })).stdout;
  const secureUrl = (path: string): string => `https://localhost:${port}${path}`;
  const servedName = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket: TLSSocket = connect(
        { port: Number(port), host: "127.0.0.1", rejectUnauthorized: false },
        () => {
          resolve(String(socket.getPeerCertificate().subject.CN));
          socket.destroy();
        },
      ).on("error", reject);
    });

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tls test "));
    await make("first");
    await make("second");
    await use("first");
    ca = join(folder, "first.pem");
    server = await startTestServer({
      script: "printf 'a model' > \"$OUTPUT_DIR/pytorch_lora_weights.safetensors\" 2>/dev/null; exit 0",
      env: { SIMPLETUNER_SSL_CERT: join(folder, "cert.pem"), SIMPLETUNER_SSL_KEY: join(folder, "key.pem") },
    });
    port = new URL(server.url).port;
  });
  after(async () => {
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });

  it("answers over HTTP/2 and HTTP/1.1, and in plain only to this machine", async () => {
    for (const version of ["--http1.1", "--http2"]) {
      const told = await curled(
        version,
        "-o",
        "/dev/null",
        "-w",
        "%{http_version} %{http_code}",
        secureUrl("/health"),
      );
      assert.equal(told, version === "--http2" ? "2 200" : "1.1 200");
    }
    assert.equal((await fetch(`${server.url}/health`)).status, 200);
    const own = Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === "IPv4" && !each.internal)?.address;
    if (own === undefined) return;
    const open = await startQuietly({
      host: "0.0.0.0",
      port: 0,
      stateDir: join(folder, "open"),
      env: {
        ...process.env,
        SIMPLETUNER_LOG_LEVEL: "error",
        SIMPLETUNER_SSL_CERT: join(folder, "cert.pem"),
        SIMPLETUNER_SSL_KEY: join(folder, "key.pem"),
      },
    });
    try {
      const { port: openPort } = new URL(open.url);
      const answer = await fetch(`http://${own}:${openPort}/jobs?q=1`, { redirect: "manual" });
      assert.equal(answer.status, 308);
      assert.equal(answer.headers.get("location"), `https://${own}:${openPort}/jobs?q=1`);
      assert.match(open.accessUrl ?? "", /^https:/);
    } finally {
      await open.close();
    }
  });

  it("takes the storage endpoint's requests over HTTP/2, signed and large, and gives them back whole", async () => {
    const { key, secret_access_key } = await server.call("POST /api/cloud/storage-keys", {
      body: { name: "k", access: "readwrite" },
    });
    const file = join(folder, "large.bin");
    const bytes = randomBytes(12 << 20);
    await writeFile(file, bytes);
    const url = secureUrl("/api/cloud/storage/outputs/some/large%20file.bin");
    for (const version of ["--http2", "--http1.1"]) {
      const signed = [
        version,
        "-H",
        "x-amz-content-sha256: UNSIGNED-PAYLOAD",
        "--aws-sigv4",
        "aws:amz:us-east-1:s3",
        "--user",
        `${key.access_key_id}:${secret_access_key}`,
      ];
      const put = await curled(...signed, "-T", file, "-w", "%{http_version} %{http_code}", url);
      assert.match(put, /^(2|1\.1) 200$/);
      const got = join(folder, "got.bin");
      await curled(...signed, "-o", got, url);
      const digest = (data: Buffer): string => createHash("sha256").update(data).digest("hex");
      assert.equal(digest(await readFile(got)), digest(bytes));
      const part = await curled(...signed, "-o", got, "-r", "100-199", "-w", "%{http_code}", url);
      assert.equal(part, "206");
      assert.deepEqual(await readFile(got), bytes.subarray(100, 200));
      const listed = await curled(...signed, secureUrl("/api/cloud/storage/outputs?list-type=2&prefix=some"));
      assert.match(listed, /<Key>some\/large file\.bin<\/Key>/);
      const wrong = await curled(
        version,
        "-H",
        "x-amz-content-sha256: UNSIGNED-PAYLOAD",
        "--aws-sigv4",
        "aws:amz:us-east-1:s3",
        "--user",
        `${key.access_key_id}:x`,
        url,
      );
      assert.match(wrong, /<Code>SignatureDoesNotMatch<\/Code>/);
    }
  });

  it("streams events over HTTP/2, many on one connection", async () => {
    const session = connectHttp2(`https://localhost:${port}`, { ca: await readFile(ca) });
    try {
      const streams = Array.from({ length: 20 }, () =>
        session.request({ ":path": "/api/events/stream", "x-test-user": "local" }),
      );
      const heard = streams.map(() => "");
      for (const [index, stream] of streams.entries())
        stream.setEncoding("utf8").on("data", (text: string) => (heard[index] += text));
      await Promise.all(streams.map((stream) => new Promise((resolve) => stream.once("response", resolve))));
      await server.call("PUT /api/cloud/data-consent/setting", { body: { consent: "allow" } });
      await eventually("the event on every stream", () =>
        heard.every((text) => text.includes("event: settings.changed")) ? true : null,
      );
    } finally {
      session.destroy();
    }
  });

  it("runs a job whose trainer reaches the server in plain", async () => {
    const { dataloader } = await makeDataset(server.folder);
    const body = { config: { max_train_steps: 1 }, dataloader_config: dataloader };
    const { job_id } = await server.call("POST /api/cloud/jobs/submit", { body });
    const job = await waitForJob(server.call, job_id, ({ is_terminal }) => is_terminal);
    assert.equal(job.status, "completed");
  });

  it("drops noise, and what ends in the middle of a handshake, without harm", async () => {
    for (const noise of [
      Buffer.from([0x16]),
      Buffer.from([0x16, 3, 1, 0, 5, 1, 2]),
      Buffer.from("\0\0\0\0"),
      Buffer.from("GET"),
    ])
      await new Promise<void>((resolve) => {
        const socket = connectSocket(Number(port), "127.0.0.1", () => socket.end(noise));
        socket
          .on("close", () => resolve())
          .on("error", () => undefined)
          .resume();
      });
    assert.equal((await fetch(`${server.url}/health`)).status, 200);
  });

  it("takes a renewed certificate up, keeps the old one while the files do not fit, and cuts nobody off", async () => {
    const kept = httpsRequest({
      port,
      host: "localhost",
      path: "/api/events/stream",
      headers: { "x-test-user": "local" },
      ca: await readFile(ca),
      agent: false,
    });
    let open = true;
    kept.on("response", (answer) => answer.on("close", () => (open = false)).resume()).end();
    assert.equal(await servedName(), "first");
    await copyFile(join(folder, "second.pem"), join(folder, "cert.pem"));
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    assert.equal(await servedName(), "first");
    await copyFile(join(folder, "second.key"), join(folder, "key.pem"));
    await eventually("the renewed certificate", async () =>
      (await servedName()) === "second" ? true : null,
    );
    assert.equal(open, true);
    kept.destroy();
    await use("first");
    await eventually("the first certificate again", async () =>
      (await servedName()) === "first" ? true : null,
    );
  });

  it("answers what is under way before it stops, and ends what is idle", async () => {
    const own = await startTestServer({
      env: { SIMPLETUNER_SSL_CERT: join(folder, "cert.pem"), SIMPLETUNER_SSL_KEY: join(folder, "key.pem") },
    });
    const session = connectHttp2(`https://localhost:${new URL(own.url).port}`, { ca: await readFile(ca) });
    const stream = session.request({ ":path": "/api/cloud/jobs", "x-test-user": "local" });
    await new Promise((resolve) => stream.once("response", resolve));
    stream.resume();
    const startedAt = performance.now();
    await own.close();
    assert.ok(performance.now() - startedAt < 4_000, "an idle connection held the stop up");
    session.destroy();
  });

  it("says what is wrong with its files", async () => {
    const start = (cert: string, key: string) =>
      startQuietly({
        stateDir: join(folder, "wrong"),
        port: 0,
        env: { ...process.env, SIMPLETUNER_SSL_CERT: cert, SIMPLETUNER_SSL_KEY: key },
      });
    const cert = join(folder, "first.pem");
    await assert.rejects(start(cert, ""), /set both or neither/);
    await assert.rejects(
      start(join(folder, "none.pem"), join(folder, "first.key")),
      /SIMPLETUNER_SSL_CERT: .*none\.pem cannot be read \(ENOENT\)/,
    );
    await assert.rejects(start(cert, join(folder, "second.key")), (error: unknown) => {
      assert.ok(error instanceof StartError);
      assert.match(error.message, /are not a certificate and its key/);
      return true;
    });
  });

  it("is reached by the typed client", async () => {
    const call = apiClient(server.url, { "x-test-user": "local" });
    assert.equal((await call("GET /api/cloud/health/live")).status, "ok");
  });
});
