import { spawnSync } from "node:child_process";
import { realpathSync } from "node:fs";
import { openAws, openCurl, openRclone, openS3cmd } from "./s3-command-clients.ts";
import { boto3Script, fsspecScript, openPythonClient } from "./s3-python-client.ts";
import { openSdk } from "./s3-sdk-client.ts";
import type { S3Account } from "./s3-site.ts";
import { mountS3fs } from "./s3-s3fs-client.ts";

/** A real S3 client at work in the bucket `outputs`; every call is what a person would type or a script would do. */
export interface S3Client extends AsyncDisposable {
  put(file: string, key: string): Promise<void>;
  get(key: string, file: string): Promise<void>;
  /** The keys below a prefix that ends in `/`, without folders of their own. */
  list(prefix: string): Promise<string[]>;
  remove(key: string): Promise<void>;
  /** Bytes `first` to `last`, both included. */
  range?(key: string, first: number, last: number): Promise<Buffer>;
  /** A URL that works for ten minutes or longer. */
  presignGet?(key: string): Promise<string>;
  presignPut?(key: string): Promise<string>;
}

/** A client by name, with what it can and cannot do. */
export interface S3ClientKind {
  name: string;
  /** Why its tests are left out; false runs them. */
  skip: string | false;
  /** Files of more than 8 MiB go in parts. */
  sendsParts: boolean;
  /** Sends parts in `aws-chunked` framing with checksums behind them, where TLS guards them. */
  chunksOverTls: boolean;
  /** `folder` is scratch for its configuration. */
  open(account: S3Account, folder: string): Promise<S3Client>;
}

/** A client that is a program of its own: `variable` tells where it is, `open` works with what is there. */
function programKind(
  name: string,
  variable: string,
  open: (path: string, account: S3Account, folder: string) => Promise<S3Client>,
  features: { chunksSince?: RegExp; sendsParts?: boolean } = {},
): S3ClientKind {
  const path = process.env[variable] ?? "";
  return {
    name,
    skip: path === "" ? `${name} was not found` : false,
    sendsParts: features.sendsParts ?? true,
    chunksOverTls: path !== "" && features.chunksSince?.test(versionOf(path)) === true,
    open: (account, folder) => open(path, account, folder),
  };
}

/** What the program says of its version; of a Python, boto3's. */
function versionOf(path: string): string {
  const isPython = /python[\d.]*$/.test(path);
  const args = isPython ? ["-c", "import boto3; print('boto3/' + boto3.__version__)"] : ["--version"];
  return spawnSync(path, args, { encoding: "utf8" }).stdout;
}

/** The same program as the one that another variable names is tested once. */
function unless(other: string, variable: string, kind: S3ClientKind): S3ClientKind {
  const [first = "", second = ""] = [process.env[other], process.env[variable]];
  const isSame = first !== "" && second !== "" && realpathSync(first) === realpathSync(second);
  return isSame ? { ...kind, skip: `it is the one that ${other} names` } : kind;
}

const python = (script: string) => (path: string, account: S3Account, folder: string) =>
  openPythonClient(path, script, account, folder);

/** Checksums behind the body are their default since these versions. */
const chunkingAws = /aws-cli\/(1\.(3[7-9]|[4-9]\d)|2\.(2[3-9]|[3-9]\d))/;
const chunkingBoto3 = /boto3\/1\.(3[6-9]|[4-9]\d)/;

/** Every client that the storage endpoint promises to work with. */
export const s3ClientKinds: readonly S3ClientKind[] = [
  programKind("boto3", "TEST_BOTO3_PYTHON", python(boto3Script), { chunksSince: chunkingBoto3 }),
  unless(
    "TEST_BOTO3_PYTHON",
    "TEST_SYSTEM_BOTO3_PYTHON",
    programKind("the distribution's boto3", "TEST_SYSTEM_BOTO3_PYTHON", python(boto3Script)),
  ),
  programKind("s3fs for Python", "TEST_S3FS_PYTHON", python(fsspecScript)),
  programKind("the AWS CLI", "TEST_AWS", openAws, { chunksSince: chunkingAws }),
  unless(
    "TEST_AWS",
    "TEST_SYSTEM_AWS",
    programKind("the distribution's AWS CLI", "TEST_SYSTEM_AWS", openAws),
  ),
  programKind("rclone", "TEST_RCLONE", openRclone),
  programKind("s3cmd", "TEST_S3CMD", openS3cmd),
  {
    name: "the AWS SDK for JavaScript",
    skip: false,
    sendsParts: true,
    chunksOverTls: false,
    open: (account) => openSdk(account),
  },
  programKind("curl", "TEST_CURL", openCurl, { sendsParts: false }),
  programKind("s3fs-fuse", "TEST_S3FS", mountS3fs),
];
