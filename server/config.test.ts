import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readConfig, StartError } from "./config.ts";

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
