"""What the tests do with boto3: `s3-boto3.py` takes commands as s3_serve.py says, `s3-boto3.py trainer <folder>` is a
trainer.

Endpoint and key come from AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for https,
AWS_CA_BUNDLE; ADDRESSING_STYLE says where the bucket is named. Of `trainer` endpoint and key come from the run's
configuration, as a real trainer finds them.
"""

import json
import os
import sys
import time

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError, ResponseStreamingError

from s3_serve import serve

BUCKET = "outputs"


def client(**given):
    style = os.environ.get("ADDRESSING_STYLE", "path")
    config = Config(s3={"addressing_style": style}, signature_version=os.environ.get("SIGNATURE_VERSION"))
    endpoint = given.pop("endpoint_url", os.environ.get("AWS_ENDPOINT_URL_S3"))
    return boto3.client("s3", region_name="auto", endpoint_url=endpoint, config=config, **given)


def put(s3, file, key):
    s3.upload_file(file, BUCKET, key)


def get(s3, key, file):
    try:
        s3.download_file(BUCKET, key, file)
    except ResponseStreamingError:
        # s3transfer before 0.6.1 leaves a connection that breaks within a body to the program.
        s3.download_file(BUCKET, key, file)


def list_keys(s3, prefix):
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix=prefix, PaginationConfig={"PageSize": 3}
    )
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def read_range(s3, key, first, last):
    body = s3.get_object(Bucket=BUCKET, Key=key, Range=f"bytes={first}-{last}")["Body"].read()
    return body.decode("latin1")


def presign(s3, method, key):
    return s3.generate_presigned_url(method, Params={"Bucket": BUCKET, "Key": key}, ExpiresIn=600)


def remove(s3, key):
    s3.delete_object(Bucket=BUCKET, Key=key)


def code_of(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def manual(s3, prefix):
    """Small things that no transfer shows: empty bodies, conditions, checksums, deleting many, refusals."""
    names = [f"{prefix}{index}" for index in range(12)]
    started = time.monotonic()
    for index, name in enumerate(names):
        body = b"" if index % 2 == 0 else b"x" * index
        s3.put_object(Bucket=BUCKET, Key=name, Body=body, Metadata={"index": str(index)})
        found = s3.get_object(Bucket=BUCKET, Key=name)
        assert found["Body"].read() == body and found["Metadata"] == {"index": str(index)}, name
    # A server that does not answer Expect: 100-continue costs one second for each of them.
    assert time.monotonic() - started < 6, time.monotonic() - started
    for algorithm in ("CRC32", "SHA1", "SHA256"):
        s3.put_object(Bucket=BUCKET, Key=prefix + algorithm, Body=b"chunked " * 100_000, ChecksumAlgorithm=algorithm)
        found = s3.get_object(Bucket=BUCKET, Key=prefix + algorithm, ChecksumMode="ENABLED")
        assert found["Body"].read() == b"chunked " * 100_000 and found[f"Checksum{algorithm}"], found
        names.append(prefix + algorithm)
    big = b"y" * 2_000_000
    if "IfMatch" in s3.meta.service_model.operation_model("PutObject").input_shape.members:
        assert code_of(lambda: s3.put_object(Bucket=BUCKET, Key=prefix + "n", Body=big, IfMatch="z")) == "NoSuchKey"
    assert code_of(lambda: s3.get_object(Bucket=BUCKET, Key=prefix + "none")) == "NoSuchKey"
    assert code_of(lambda: s3.list_objects_v2(Bucket="not-there")) in ("NoSuchBucket", "AccessDenied")
    deleted = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": name} for name in names]})
    assert len(deleted["Deleted"]) == len(names) and "Errors" not in deleted, deleted
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)


class Slowly:
    """A file of 12 MiB whose second half comes when the test says so."""

    def __init__(self, gate):
        self.gate = gate
        self.given = 0

    def read(self, size=-1):
        if self.given >= 6 << 20 and not os.path.exists(f"{self.gate}/more"):
            open(f"{self.gate}/half", "w").close()
            wait_for(f"{self.gate}/more")
        piece = b"m" * min(size if size >= 0 else 12 << 20, (12 << 20) - self.given)
        self.given += len(piece)
        return piece


def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.02)


def trainer(gate):
    """Trains nothing: uploads while its job runs, tells the test its key, and ends when it may."""
    with open(os.environ["CONFIG_PATH"]) as file:
        publishing = json.load(file)["publishing_config"][-1]
    credentials = {
        "endpoint_url": publishing["endpoint_url"],
        "aws_access_key_id": publishing["access_key"],
        "aws_secret_access_key": publishing["secret_key"],
    }
    assert publishing["bucket"] == BUCKET
    s3 = client(**credentials)
    print("Training step 1/10", flush=True)
    s3.upload_fileobj(
        Slowly(gate),
        BUCKET,
        "checkpoint-5/pytorch_lora_weights.safetensors",
        Config=TransferConfig(multipart_threshold=1 << 20, multipart_chunksize=5 << 20, use_threads=False),
    )
    with open(f"{gate}/credentials.new", "w") as file:
        json.dump(credentials, file)
    os.rename(f"{gate}/credentials.new", f"{gate}/credentials")
    wait_for(f"{gate}/end")
    s3.put_object(Bucket=BUCKET, Key="pytorch_lora_weights.safetensors", Body=b"model")


COMMANDS = {
    "put": put,
    "get": get,
    "list": list_keys,
    "range": read_range,
    "presign": presign,
    "remove": remove,
    "manual": manual,
}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        trainer(sys.argv[2])
    else:
        serve(COMMANDS, client())
