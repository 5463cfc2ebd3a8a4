import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { readConfig } from "../../../config.ts";
import { outboundHttp, type OutboundHttp } from "../../outbound/undici/outbound-http.ts";
import { SecretSourceError } from "../secret-source.ts";
import { type AwsEmulator, startAwsEmulator } from "../testing/aws-emulator.ts";
import { awsSecrets } from "./aws-secrets.ts";

describe("secrets in AWS Secrets Manager", () => {
  let aws: AwsEmulator;
  let http: OutboundHttp;

  beforeEach(async () => {
    aws = await startAwsEmulator();
    http = outboundHttp(readConfig({}).outbound, { retries: 1, firstWaitMs: 1, failuresToOpen: 99 });
  });
  afterEach(async () => {
    await http.close();
    await aws.close();
  });

  const open = (secret = "prod/replicate-api-token", credentials = aws.account) =>
    awsSecrets({ secret, region: "eu-west-1", endpoint: aws.url, credentials }, http.service());
  const problemOf = async (call: Promise<unknown>): Promise<string> => {
    const error: unknown = await call.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof SecretSourceError, String(error));
    assert.doesNotMatch(`${error.stack}`, /r8_|wJalrX|own words/);
    return `${error.isPassing ? "passing" : "lasting"}: ${error.message}`;
  };

  test("a document as text or bytes, and a text that is no document, named by the secret itself", async () => {
    aws.secrets.set("prod/replicate-api-token", { text: '{"HF_TOKEN":"hf_1"}' });
    assert.equal((await open().read()).get("HF_TOKEN"), "hf_1");
    aws.secrets.set("prod/replicate-api-token", { binary: Buffer.from('{"HF_TOKEN":"hf_2"}') });
    assert.equal((await open().read()).get("HF_TOKEN"), "hf_2");
    for (const text of ["r8_plain\n", "12345", '"r8_quoted']) {
      aws.secrets.set("prod/replicate-api-token", { text });
      assert.equal((await open().read()).get("REPLICATE_API_TOKEN"), text.trim());
    }
    aws.secrets.set("prod/replicate-api-token", { binary: Buffer.from([0xff, 0xfe, 0x00]) });
    assert.equal((await open().read()).get("HF_TOKEN"), undefined);
  });

  test("what is wrong is told in words of our own, and whether it may pass", async () => {
    aws.secrets.set("prod/replicate-api-token", { isScheduledForDeletion: true });
    assert.match(await problemOf(open().read()), /^lasting: .*scheduled for deletion/);
    const wrongKey = { ...aws.account, secretAccessKey: "wrong" };
    assert.match(await problemOf(open(undefined, wrongKey).read()), /^lasting: .*InvalidSignatureException/);
    for (const [fault, words] of [
      ["AccessDeniedException", /^lasting: .*secretsmanager:GetSecretValue/],
      ["DecryptionFailure", /^lasting: .*refuses/],
      ["ThrottlingException", /^passing/],
      ["cut", /^passing: .*cut/],
      ["InternalServiceError", /^passing/],
    ] as const) {
      aws.faults.push(fault, ...(["cut", "InternalServiceError"].includes(fault) ? [fault] : []));
      assert.match(await problemOf(open().read()), words, fault);
      assert.deepEqual(aws.faults, []);
    }
  });

  test("a fault that passes is not seen by who asks", async () => {
    aws.secrets.set("prod/replicate-api-token", { text: '{"HF_TOKEN":"hf_1"}' });
    aws.faults.push("InternalServiceError");
    assert.equal((await open().read()).get("HF_TOKEN"), "hf_1");
  });
});
