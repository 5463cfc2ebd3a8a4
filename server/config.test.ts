import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readConfig } from "./config.ts";
import { StartError } from "./config/values.ts";

const url = "s3://models/team/a?endpoint=https://s3.example.org:9000/x&region=eu-1";

describe("the setting of an external bucket", () => {
  const read = (env: NodeJS.ProcessEnv): ReturnType<typeof readConfig>["externalStorage"] =>
    readConfig(env).externalStorage;

  it("is none by default", () => {
    assert.equal(read({}), null);
    assert.equal(
      read({ SIMPLETUNER_STORAGE_URL: "", AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "s" }),
      null,
    );
  });

  it("names bucket, prefix, endpoint and key; our key comes before Amazon's", () => {
    const aws = {
      AWS_ACCESS_KEY_ID: "a",
      AWS_SECRET_ACCESS_KEY: "s",
      AWS_SESSION_TOKEN: "t",
      AWS_REGION: "us-2",
    };
    const ours = { SIMPLETUNER_STORAGE_ACCESS_KEY_ID: "A", SIMPLETUNER_STORAGE_SECRET_ACCESS_KEY: "S" };
    const named = {
      bucket: "models",
      prefix: "team/a",
      endpoint: "https://s3.example.org:9000/x",
      region: "eu-1",
      pathStyle: true,
      downloads: "proxy",
    };
    assert.deepEqual(read({ SIMPLETUNER_STORAGE_URL: url, ...aws, ...ours }), {
      ...named,
      credentials: { accessKeyId: "A", secretAccessKey: "S" },
    });
    assert.deepEqual(read({ SIMPLETUNER_STORAGE_URL: url }), { ...named, credentials: null });
    assert.deepEqual(
      read({ SIMPLETUNER_STORAGE_URL: "s3://models/", SIMPLETUNER_STORAGE_DOWNLOADS: "redirect", ...aws }),
      {
        bucket: "models",
        prefix: "",
        endpoint: null,
        region: "us-2",
        pathStyle: false,
        downloads: "redirect",
        credentials: { accessKeyId: "a", secretAccessKey: "s", sessionToken: "t" },
      },
    );
  });

  it("is refused in one sentence that repeats no secret", () => {
    const secret = "very-secret";
    const faults: NodeJS.ProcessEnv[] = [
      { SIMPLETUNER_STORAGE_URL: `https://key:${secret}@models` },
      { SIMPLETUNER_STORAGE_URL: `s3://key:${secret}@models/x` },
      { SIMPLETUNER_STORAGE_URL: `s3://models?endpoint=https://key:${secret}@host` },
      { SIMPLETUNER_STORAGE_URL: "s3://models?endpoint=ftp://host" },
      { SIMPLETUNER_STORAGE_URL: `s3://models?end_point=${secret}` },
      { SIMPLETUNER_STORAGE_URL: "s3://models?path_style=maybe" },
      { SIMPLETUNER_STORAGE_URL: "s3://models/%ff" },
      { SIMPLETUNER_STORAGE_URL: url, SIMPLETUNER_STORAGE_SECRET_ACCESS_KEY: secret },
      { SIMPLETUNER_STORAGE_URL: url, SIMPLETUNER_STORAGE_DOWNLOADS: "direct" },
    ];
    for (const env of faults) {
      assert.throws(
        () => readConfig(env),
        (error) =>
          error instanceof StartError && /STORAGE/.test(error.message) && !error.message.includes(secret),
        JSON.stringify(env),
      );
    }
  });
});

describe("the settings of the S3 endpoint", () => {
  const read = (env: NodeJS.ProcessEnv): ReturnType<typeof readConfig>["storageEndpoint"] =>
    readConfig(env).storageEndpoint;

  it("know no domain and no public objects by default", () => {
    assert.deepEqual(read({}), { baseDomain: null, allowPublicAcls: false });
    assert.deepEqual(
      read({ SIMPLETUNER_STORAGE_DOMAIN: "S3.Example.com", SIMPLETUNER_STORAGE_PUBLIC_ACLS: "true" }),
      { baseDomain: "s3.example.com", allowPublicAcls: true },
    );
  });

  it("refuse what is no host name, and a domain that the pages lie below", () => {
    const wrong = [
      "https://s3.example.com",
      "s3.example.com:9000",
      "*.example.com",
      "10.0.0.1",
      "a..b",
      "-a.b",
    ];
    for (const domain of wrong)
      assert.throws(() => read({ SIMPLETUNER_STORAGE_DOMAIN: domain }), StartError, domain);
    const pages = { SIMPLETUNER_PUBLIC_URL: "https://cloud.example.com" };
    assert.throws(() => read({ ...pages, SIMPLETUNER_STORAGE_DOMAIN: "example.com" }), StartError);
    for (const domain of ["cloud.example.com", "s3.cloud.example.com"])
      assert.equal(read({ ...pages, SIMPLETUNER_STORAGE_DOMAIN: domain }).baseDomain, domain);
  });
});

describe("the settings of services outside", () => {
  it("are Replicate's own without any variable, and no proxy", () => {
    const { outbound, replicate } = readConfig({});
    assert.deepEqual(outbound, {
      httpsProxy: null,
      httpProxy: null,
      noProxy: null,
      caBundle: null,
      caBundlePath: null,
      allowedAddresses: { everyPrivate: false, ranges: [] },
      verifyTls: true,
      timeoutMs: 30_000,
    });
    assert.deepEqual(replicate, {
      baseUrl: "https://api.replicate.com/v1",
      model: "simpletuner/advanced-trainer-h100",
      statusUrl: "https://www.replicatestatus.com/api/v1/summary",
      takes: "hub",
      hubUrl: "https://huggingface.co",
    });
  });

  it("come from the environment, proxies in small letters too", () => {
    const { outbound, replicate } = readConfig({
      https_proxy: "http://proxy:3128",
      NO_PROXY: "localhost",
      SIMPLETUNER_SSL_VERIFY: "false",
      SIMPLETUNER_HTTP_TIMEOUT: "5",
      REPLICATE_BASE_URL: "http://127.0.0.1:1/v1/",
    });
    assert.deepEqual(
      [outbound.httpsProxy, outbound.noProxy, outbound.verifyTls, outbound.timeoutMs],
      ["http://proxy:3128", "localhost", false, 5_000],
    );
    assert.equal(replicate.baseUrl, "http://127.0.0.1:1/v1");
  });

  it("that cannot be used are named, and no secret is told", () => {
    for (const [name, value] of [
      ["REPLICATE_STATUS_URL", "ftp://x"],
      ["VAULT_ADDR", "vault:8200"],
      ["REPLICATE_MODEL", "hidden"],
      ["REPLICATE_BASE_URL", "ftp://x"],
      ["HTTPS_PROXY", "proxy-with-hidden-password"],
      ["SIMPLETUNER_CA_BUNDLE", "/nowhere/ca.pem"],
      ["SIMPLETUNER_CA_BUNDLE", "package.json"],
      ["SIMPLETUNER_SSL_VERIFY", "maybe"],
      ["SIMPLETUNER_HTTP_TIMEOUT", "0"],
    ] as const)
      assert.throws(
        () => readConfig({ [name]: value }),
        (error: unknown) => {
          assert.ok(error instanceof StartError);
          assert.ok(error.message.startsWith(`${name}:`), error.message);
          if (/TOKEN|PROXY/.test(name)) assert.doesNotMatch(error.message, /hidden/);
          return true;
        },
      );
  });
});

describe("the setting of the shared state", () => {
  const read = (env: NodeJS.ProcessEnv): ReturnType<typeof readConfig>["stateBackend"] =>
    readConfig(env).stateBackend;

  it("is a file by default", () => {
    assert.deepEqual(read({}), {
      kind: "sqlite",
      url: "",
      tls: false,
      poolSize: 10,
      timeoutMs: 30_000,
      keyPrefix: "st:",
    });
  });

  it("names a server, and whether it speaks TLS", () => {
    const at = (STATE_BACKEND: string, STATE_BACKEND_URL: string) => {
      const state = read({ STATE_BACKEND, STATE_BACKEND_URL });
      return [state.kind, state.url, state.tls];
    };
    assert.deepEqual(at("redis", "rediss://h:1/2"), ["redis", "rediss://h:1/2", true]);
    assert.deepEqual(at("postgresql", "postgresql://u:p@h/d?sslmode=verify-full&options=x"), [
      "postgres",
      "postgresql://u:p@h/d?options=x",
      true,
    ]);
    assert.deepEqual(at("postgres", "postgres://h/d?sslmode=prefer"), ["postgres", "postgres://h/d", false]);
    assert.deepEqual(at("mysql", "mariadb://h/d?ssl-mode=REQUIRED"), ["mysql", "mysql://h/d", true]);
    assert.equal(read({ STATE_BACKEND_TIMEOUT: "0.5" }).timeoutMs, 500);
  });

  it("is refused by name, without repeating the address and its password", () => {
    for (const env of [
      { STATE_BACKEND: "redis" },
      { STATE_BACKEND: "redis", STATE_BACKEND_URL: "http://u:hunter2@h" },
      { STATE_BACKEND: "mysql", STATE_BACKEND_URL: "hunter2" },
      { STATE_BACKEND: "etcd" },
      { STATE_BACKEND_TIMEOUT: "soon" },
      { STATE_BACKEND_POOL_SIZE: "0" },
      { STATE_BACKEND_KEY_PREFIX: "a b" },
    ])
      assert.throws(
        () => read(env),
        (error) => {
          assert.ok(error instanceof StartError);
          assert.match(error.message, /^STATE_BACKEND/);
          assert.doesNotMatch(error.message, /hunter2/);
          return true;
        },
      );
  });
});
