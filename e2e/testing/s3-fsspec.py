"""What the tests do with s3fs for Python, the fsspec file system; commands come as s3_serve.py says.

Endpoint and key come from AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, for https,
AWS_CA_BUNDLE; ADDRESSING_STYLE says where the bucket is named.
"""

import os

import s3fs
from aiohttp import ClientPayloadError

from s3_serve import serve

BUCKET = "outputs"
PART_BYTES = 8 << 20


def filesystem():
    return s3fs.S3FileSystem(
        endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"],
        client_kwargs={"region_name": "auto"},
        config_kwargs={"s3": {"addressing_style": os.environ["ADDRESSING_STYLE"]}},
        use_listings_cache=False,
    )


def at(key):
    return f"{BUCKET}/{key}"


def put(fs, file, key):
    fs.put_file(file, at(key), chunksize=PART_BYTES)


def get(fs, key, file):
    try:
        fs.get_file(at(key), file)
    except ClientPayloadError:
        # It goes on by itself behind what it has, but not where it loads several pieces of a file at once.
        fs.get_file(at(key), file, max_concurrency=1)


def list_keys(fs, prefix):
    return [name.removeprefix(f"{BUCKET}/") for name in fs.find(at(prefix))]


def read_range(fs, key, first, last):
    return fs.cat_file(at(key), start=first, end=last + 1).decode("latin1")


def presign(fs, method, key):
    return fs.url(at(key), expires=600, client_method=method)


def remove(fs, key):
    fs.rm_file(at(key))


def manual(fs, prefix):
    """A file that is written and read in pieces, as programs on fsspec do, and what else they ask of a file system."""
    folder = at(prefix).rstrip("/")
    piece = bytes(range(256)) * 4096
    with fs.open(f"{folder}/pieces", "wb", block_size=5 << 20) as file:
        for _ in range(12):
            file.write(piece)
    with fs.open(f"{folder}/pieces", "rb") as file:
        file.seek(11 << 20)
        assert file.read() == piece
    assert fs.info(f"{folder}/pieces")["size"] == 12 << 20
    fs.pipe_file(f"{folder}/small", b"small")
    fs.touch(f"{folder}/empty")
    fs.copy(f"{folder}/small", f"{folder}/below/copy")
    fs.mv(f"{folder}/small", f"{folder}/moved")
    assert sorted(name.removeprefix(f"{folder}/") for name in fs.ls(folder, detail=False)) == [
        "below",
        "empty",
        "moved",
        "pieces",
    ]
    assert fs.cat_file(f"{folder}/below/copy") == b"small" and fs.isdir(f"{folder}/below")
    assert not fs.exists(f"{folder}/small") and fs.info(f"{folder}/empty")["size"] == 0
    fs.rm(folder, recursive=True)
    assert not fs.exists(folder)


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
    serve(COMMANDS, filesystem())
