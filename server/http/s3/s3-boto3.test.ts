import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { type S3TestServer, startS3TestServer } from "./s3-test-server.ts";

const hasBoto3 = spawnSync("python3", ["-c", "import boto3"], { stdio: "ignore" }).status === 0;

/** What the trainer's publisher does, and what the manual tells people to do. */
const script = `
import boto3, hashlib, io, os, sys, time, urllib.request
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

s3 = boto3.client("s3", endpoint_url=sys.argv[1], aws_access_key_id="job1-key", aws_secret_access_key="job1-secret",
                  region_name="auto", config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))
data = os.urandom(20_000_000)
s3.upload_fileobj(io.BytesIO(data), "outputs", "model.safetensors", Config=TransferConfig(multipart_threshold=8 << 20))
out = io.BytesIO()
s3.download_fileobj("outputs", "model.safetensors", out)
assert hashlib.sha256(out.getvalue()).digest() == hashlib.sha256(data).digest()

started = time.monotonic()
for index in range(10):
    body = b"" if index % 2 == 0 else b"x" * index
    s3.put_object(Bucket="outputs", Key=f"small/{index}", Body=body, Metadata={"index": str(index)})
    assert s3.get_object(Bucket="outputs", Key=f"small/{index}")["Body"].read() == body
# A server that does not answer Expect: 100-continue costs one second for each of them.
assert time.monotonic() - started < 5, time.monotonic() - started

keys = [item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="outputs", PaginationConfig={"PageSize": 3})
        for item in page.get("Contents", [])]
assert keys == ["model.safetensors"] + [f"small/{index}" for index in range(10)], keys
s3.put_object(Bucket="outputs", Key="streamed", Body=b"chunked " * 100_000, ChecksumAlgorithm="SHA256")
url = s3.generate_presigned_url("get_object", Params={"Bucket": "outputs", "Key": "streamed"})
assert urllib.request.urlopen(url).read() == b"chunked " * 100_000
deleted = s3.delete_objects(Bucket="outputs", Delete={"Objects": [{"Key": key} for key in keys]})
assert len(deleted["Deleted"]) == 11, deleted
for call, code in [(lambda: s3.get_object(Bucket="outputs", Key="none"), "NoSuchKey"),
                   (lambda: s3.list_objects_v2(Bucket="other"), "AccessDenied"),
                   (lambda: s3.put_object(Bucket="outputs", Key="x", Body=b"y" * 2_000_000, IfMatch="z"), "NoSuchKey")]:
    try:
        call()
        raise SystemExit(f"expected {code}")
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
print("ok")
`;

describe("boto3", { skip: hasBoto3 ? false : "python3 with boto3 is not installed" }, () => {
  let server: S3TestServer;
  before(async () => {
    server = await startS3TestServer();
  });
  after(() => server.close());

  it("uploads, downloads, lists, presigns and deletes unmodified", async () => {
    const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], AWS_EC2_METADATA_DISABLED: "true" };
    const run = promisify(execFile);
    const { stdout } = await run("python3", ["-c", script, server.url], { env, timeout: 60_000 });
    assert.equal(stdout.trim(), "ok");
    assert.deepEqual(server.failures, []);
  });
});
