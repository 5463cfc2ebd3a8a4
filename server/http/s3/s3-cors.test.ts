import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { put } from "../../adapters/storage/conformance-kit.ts";
import { type RawRequest, type RawResponse, sendRaw } from "./s3-test-client.ts";
import { type S3TestServer, startS3TestServer } from "./s3-test-server.ts";

const site = "https://app.example.com";
const everything = { bucket: "*", prefix: "" };
const owner = { accessKeyId: "all-key", secret: "all-secret" };
const ofSite = { headers: { origin: site } };
const anybody = { accessKeyId: null } as const;

interface Server {
  send(method: string, resource: string, rest?: Partial<RawRequest>): Promise<RawResponse>;
  current: S3TestServer;
}

/** A server of its own for the tests of one `describe`; each test starts without rules, with `job1/k`. */
function serverFor(options: { allowPublicAcls?: boolean } = {}): Server {
  let running: S3TestServer | undefined;
  const server: Server = {
    get current() {
      assert.ok(running);
      return running;
    },
    send: (method, resource, rest) => sendRaw({ port: server.current.port, method, resource, ...rest }),
  };
  before(async () => {
    running = await startS3TestServer(options);
    const credential = { secretAccessKey: "all-secret", scope: everything, jobId: null };
    running.credentials.set("all-key", { ...credential, access: "readwrite" });
    running.credentials.set("read-key", { ...credential, access: "read" });
  });
  beforeEach(async () => {
    server.current.caller.current = null;
    await server.current.storage.changeBucket("outputs", { cors: [], acl: "private" });
    await put(server.current.storage, "job1/k", "x");
  });
  after(() => running?.close());
  return server;
}

function configuration(...rules: string[]): string {
  return `<CORSConfiguration>${rules.map((rule) => `<CORSRule>${rule}</CORSRule>`).join("")}</CORSConfiguration>`;
}

const method = (...names: string[]): string =>
  names.map((name) => `<AllowedMethod>${name}</AllowedMethod>`).join("");
const origin = (text: string): string => `<AllowedOrigin>${text}</AllowedOrigin>`;

/** Sets the rules as an administrator does. */
async function configure({ send }: Server, ...rules: string[]): Promise<void> {
  const { status, text } = await send("PUT", "/outputs?cors", { ...owner, body: configuration(...rules) });
  assert.equal(status, 200, text);
}

function assertRefused({ status, code, text }: RawResponse, wanted: number, wantedCode: string): void {
  assert.deepEqual([status, code], [wanted, wantedCode], text);
}

/** All headers by which a browser would let a page of another site do anything. */
function openings({ headers }: RawResponse): string[] {
  return Object.keys(headers).filter((name) => name.startsWith("access-control-"));
}

function preflight(
  { send }: Server,
  headers: Record<string, string>,
  resource = "/outputs/k",
): Promise<RawResponse> {
  return send("OPTIONS", resource, { ...anybody, headers });
}

const asking = (name: string, from = site): Record<string, string> => ({
  origin: from,
  "access-control-request-method": name,
});

describe("a CORS configuration", () => {
  const server = serverFor();
  const { send } = server;
  const rule = origin("*") + method("GET");

  it("is set, seen and removed by those who have the whole bucket only", async () => {
    const body = configuration(rule);
    const others: Partial<RawRequest>[] = [{}, { accessKeyId: "read-key", secret: "all-secret" }, anybody];
    for (const other of others) {
      assertRefused(await send("PUT", "/outputs?cors", { ...other, body }), 403, "AccessDenied");
      assertRefused(await send("DELETE", "/outputs?cors", other), 403, "AccessDenied");
      assertRefused(await send("GET", "/outputs?cors", other), 403, "AccessDenied");
    }
    server.current.caller.current = { canRead: () => true, canDelete: () => true };
    assertRefused(await send("PUT", "/outputs?cors", { ...anybody, body }), 403, "AccessDenied");
    assertRefused(await send("DELETE", "/outputs?cors", anybody), 403, "AccessDenied");
    assertRefused(await send("GET", "/outputs?cors", owner), 404, "NoSuchCORSConfiguration");
  });

  it("is not taken when it says what cannot be", async () => {
    const malformed = [
      "<Other/>",
      "<CORSConfiguration/>",
      configuration(method("GET")),
      configuration(origin("*")),
      configuration(`${rule}<Unknown/>`),
      configuration(`${rule}<MaxAgeSeconds>soon</MaxAgeSeconds>`),
      configuration(...Array.from({ length: 101 }, () => rule)),
    ];
    const impossible = [
      origin("https://*.example.*") + method("GET"),
      origin("") + method("GET"),
      origin("https://a b") + method("GET"),
      origin("*") + method("PATCH"),
      `${rule}<AllowedHeader>x-*-*</AllowedHeader>`,
      `${rule}<AllowedHeader>a b</AllowedHeader>`,
      `${rule}<ExposeHeader>*</ExposeHeader>`,
      `${rule}<ExposeHeader>a&#13;&#10;b: c</ExposeHeader>`,
      `${rule}<ID>${"i".repeat(256)}</ID>`,
    ];
    for (const body of malformed)
      assertRefused(await send("PUT", "/outputs?cors", { ...owner, body }), 400, "MalformedXML");
    for (const text of impossible) {
      const body = configuration(text);
      assertRefused(await send("PUT", "/outputs?cors", { ...owner, body }), 400, "InvalidRequest");
    }
    const large = configuration(`${rule}<!--${"x".repeat(64 * 1024)}-->`);
    assertRefused(await send("PUT", "/outputs?cors", { ...owner, body: large }), 400, "EntityTooLarge");
    assertRefused(await send("GET", "/outputs?cors", owner), 404, "NoSuchCORSConfiguration");
    assertRefused(
      await send("PUT", "/none?cors", { ...owner, body: configuration(rule) }),
      404,
      "NoSuchBucket",
    );
    assertRefused(await send("POST", "/outputs?cors", { ...owner, body: "" }), 405, "MethodNotAllowed");
    assertRefused(
      await send("PUT", "/outputs/k?cors", { ...owner, body: configuration(rule) }),
      405,
      "MethodNotAllowed",
    );
  });

  it("comes back as it was set, until it is removed", async () => {
    const whole = `<ID>&lt;one&gt;</ID><AllowedHeader>x-amz-*</AllowedHeader>${method("GET", "PUT")}${origin(
      "https://*.example.com",
    )}<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>600</MaxAgeSeconds>`;
    await configure(server, whole, rule);
    const { text } = await send("GET", "/outputs?cors", owner);
    assert.ok(text.includes(`<CORSRule>${whole}</CORSRule>`), text);
    assert.equal(text.split("<CORSRule>").length, 3);
    assert.equal((await send("DELETE", "/outputs?cors", owner)).status, 204);
    assertRefused(await send("GET", "/outputs?cors", owner), 404, "NoSuchCORSConfiguration");
    assertRefused(await preflight(server, asking("GET")), 403, "AccessForbidden");
  });
});

describe("a preflight", () => {
  const server = serverFor();

  it("is refused where no rule fits", async () => {
    assertRefused(await preflight(server, asking("GET")), 403, "AccessForbidden");
    await configure(server, origin("https://*.example.com") + method("GET"));
    const refusedOnes = [
      asking("GET", "https://example.com"),
      asking("GET", "https://app.example.com.evil.net"),
      asking("GET", "http://app.example.com"),
      asking("GET", "null"),
      asking("PUT"),
      { ...asking("GET"), "access-control-request-headers": "x-amz-date" },
    ];
    for (const headers of refusedOnes) {
      const answer = await preflight(server, headers);
      assertRefused(answer, 403, "AccessForbidden");
      assert.deepEqual(openings(answer), []);
    }
    // Nobody learns from the answer which buckets exist.
    for (const resource of ["/none/k", "/", "/..%2Foutputs"])
      assertRefused(await preflight(server, asking("GET"), resource), 403, "AccessForbidden");
    const { origin: _origin, ...withoutOrigin } = asking("GET");
    for (const incomplete of [{}, { origin: site }, withoutOrigin])
      assertRefused(await preflight(server, incomplete), 400, "InvalidRequest");
  });

  it("is answered by the first rule that fits, without credentials and never for cookies", async () => {
    await configure(
      server,
      `${origin("https://app.*.com")}${method("GET", "PUT")}<AllowedHeader>x-amz-*</AllowedHeader><AllowedHeader>Content-Type</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>600</MaxAgeSeconds>`,
      origin("*") + method("PUT", "HEAD"),
    );
    const headers = { ...asking("PUT"), "access-control-request-headers": "X-Amz-Date,content-type" };
    const answer = await preflight(server, headers, "/outputs/k?X-Amz-Signature=wrong");
    assert.equal(answer.status, 200);
    assert.deepEqual(Object.fromEntries(openings(answer).map((name) => [name, answer.headers[name]])), {
      "access-control-allow-origin": site,
      "access-control-allow-methods": "GET, PUT",
      "access-control-allow-headers": "X-Amz-Date, content-type",
      "access-control-expose-headers": "ETag",
      "access-control-max-age": "600",
    });
    assert.equal(answer.headers.vary, "Origin");
    const other = await preflight(server, asking("HEAD"));
    assert.equal(other.headers["access-control-allow-origin"], "*");
    assert.equal(other.headers["access-control-allow-methods"], "PUT, HEAD");
  });
});

describe("an answer", () => {
  const server = serverFor();
  const { send } = server;
  const rule = `${origin("https://*.example.com")}${method("GET", "PUT")}<ExposeHeader>ETag</ExposeHeader>`;

  it("opens nothing without a rule, without an origin or to another one", async () => {
    assert.deepEqual(openings(await send("GET", "/outputs/k", ofSite)), []);
    await configure(server, rule);
    for (const rest of [{}, { headers: { origin: "https://evil.net" } }]) {
      const answer = await send("GET", "/outputs/k", rest);
      assert.deepEqual([answer.status, openings(answer)], [200, []]);
      assert.equal(answer.headers.vary, "Origin");
    }
    assert.deepEqual(openings(await send("DELETE", "/outputs/none", ofSite)), []);
    assert.deepEqual(openings(await send("GET", "/", { ...owner, ...ofSite })), []);
  });

  it("is for the page when the request is signed, and so is an error", async () => {
    await configure(server, rule);
    const answers = [
      await send("GET", "/outputs/k", ofSite),
      await send("PUT", "/outputs/k", { ...ofSite, body: "y" }),
      await send("GET", "/outputs?list-type=2", ofSite),
      await send("GET", "/outputs/none", ofSite),
      await send("GET", "/outputs/k", { ...ofSite, secret: "guess" }),
      await send("GET", "/outputs/k", { ...anybody, ...ofSite }),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 404, 403, 403],
    );
    for (const { headers } of answers) {
      assert.equal(headers["access-control-allow-origin"], site);
      assert.equal(headers["access-control-expose-headers"], "ETag");
      assert.equal(headers["access-control-allow-credentials"], undefined);
      assert.equal(headers.vary, "Origin");
    }
  });

  it("is never for the page when a session, this machine or an upload token decided", async () => {
    await configure(server, origin("*") + method("GET", "PUT", "POST", "DELETE", "HEAD"));
    server.current.caller.current = { canRead: () => true, canDelete: () => true };
    const cookie = { cookie: "simpletuner_session=x", origin: site };
    const answers = [
      await send("GET", "/outputs/job1/k", { ...anybody, headers: cookie }),
      await send("HEAD", "/outputs/job1/k", { ...anybody, ...ofSite }),
      await send("GET", "/outputs", { ...anybody, ...ofSite }),
      await send("GET", "/outputs/none", { ...anybody, ...ofSite }),
      await send("PUT", "/outputs/new", { ...anybody, ...ofSite, body: "y" }),
      await send("GET", "/outputs/job1/k", { ...anybody, headers: { ...asking("GET"), ...cookie } }),
      // Only looks like a signature.
      await send("GET", "/outputs/job1/k?AWSAccessKeyId=a&Expires=9", { ...anybody, ...ofSite }),
      await send("GET", "/outputs/job1/k", { ...anybody, headers: { ...cookie, authorization: "Bearer x" } }),
      await send("DELETE", "/outputs/job1/k", { ...anybody, ...ofSite }),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 404, 403, 200, 200, 200, 204],
    );
    const token = { origin: site, "x-upload-token": "job1-secret" };
    answers.push(await send("PUT", "/outputs/k", { ...anybody, headers: token, body: "y" }));
    answers.push(
      await send("GET", "/outputs/k", { ...anybody, headers: { ...token, "x-upload-token": "z" } }),
    );
    for (const answer of answers) assert.deepEqual(openings(answer), [], String(answer.status));
    // With a signature, right or wrong, the session does not decide.
    const wrong = await send("GET", "/outputs/job1/k?X-Amz-Algorithm=a", { ...anybody, headers: cookie });
    assert.equal(wrong.status, 400);
    assert.equal(wrong.headers["access-control-allow-origin"], "*");
    const preflighted = await preflight(server, { ...asking("DELETE"), cookie: "simpletuner_session=x" });
    assert.equal(preflighted.headers["access-control-allow-credentials"], undefined);
  });

  it("is for the page of a form, about which no session decides", async () => {
    await configure(server, origin(site) + method("POST"));
    server.current.caller.current = { canRead: () => true, canDelete: () => true };
    const headers = { origin: site, "content-type": "multipart/form-data; boundary=b" };
    const part = (name: string, rest: string): string =>
      `--b\r\nContent-Disposition: form-data; name="${name}"${rest}\r\n`;
    const body = `${part("key", "\r\n\r\nk")}${part("file", '; filename="f"\r\n\r\nx')}--b--\r\n`;
    const answer = await send("POST", "/outputs", { ...anybody, headers, body });
    assertRefused(answer, 403, "AccessDenied");
    assert.equal(answer.headers["access-control-allow-origin"], site);
  });
});

describe("an answer to anybody", () => {
  const server = serverFor({ allowPublicAcls: true });
  const { send } = server;

  it("is for the page where the bucket is public, unless a session decided", async () => {
    await configure(server, origin("*") + method("GET"));
    await server.current.storage.changeBucket("outputs", { acl: "public-read" });
    const open = await send("GET", "/outputs", { ...anybody, ...ofSite });
    assert.deepEqual([open.status, open.headers["access-control-allow-origin"]], [200, "*"]);
    assertRefused(await send("GET", "/outputs?cors", anybody), 403, "AccessDenied");
    server.current.caller.current = { canRead: () => true, canDelete: () => false };
    const own = await send("GET", "/outputs", { ...anybody, ...ofSite });
    assert.deepEqual([own.status, openings(own)], [200, []]);
  });
});
