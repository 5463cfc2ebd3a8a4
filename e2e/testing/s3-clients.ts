import { writeFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { outputOf } from "./run-program.ts";
import { openBoto3 } from "./s3-boto3-client.ts";
import { awsEnvironment, clientEnvironment, type S3Account } from "./s3-site.ts";
import { openSdk } from "./s3-sdk-client.ts";
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
  presignGet?(key: string): Promise<string>;
  presignPut?(key: string): Promise<string>;
}

/** A client by name, with what it can and cannot do. */
export interface S3ClientKind {
  name: string;
  /** Why its tests are left out; false runs them. */
  skip: string | false;
  /** Files of 24 MiB go in parts. */
  sendsParts: boolean;
  /** Sends parts in `aws-chunked` framing with checksums behind them, where TLS guards them. */
  chunksOverTls: boolean;
  /** `folder` is scratch for its configuration. */
  open(account: S3Account, folder: string): Promise<S3Client>;
}

const bucket = "outputs";

/** The path of a program from the test runner, and why tests are left out without it. */
function program(variable: string, name: string): { path: string; skip: string | false } {
  const path = process.env[variable] ?? "";
  return { path, skip: path === "" ? `${name} was not found` : false };
}

const python = program("TEST_BOTO3_PYTHON", "python3 with boto3");
const aws = program("TEST_AWS", "the AWS CLI");
const rclone = program("TEST_RCLONE", "rclone");
const s3cmd = program("TEST_S3CMD", "s3cmd");
const curl = program("TEST_CURL", "curl with --aws-sigv4");
const s3fs = program("TEST_S3FS", "s3fs with /dev/fuse");

const nothing = async (): Promise<void> => undefined;

async function openAws(account: S3Account, folder: string): Promise<S3Client> {
  const env = awsEnvironment(account, folder);
  const run = (...args: string[]): Promise<string> => outputOf(aws.path, args, { env });
  const quiet = ["--no-progress", "--only-show-errors"];
  return {
    put: async (file, key) => void (await run("s3", "cp", ...quiet, file, `s3://${bucket}/${key}`)),
    get: async (key, file) => void (await run("s3", "cp", ...quiet, `s3://${bucket}/${key}`, file)),
    async list(prefix) {
      const lines = (await run("s3", "ls", `s3://${bucket}/${prefix}`)).split("\n");
      return lines
        .flatMap((line) => /^\S+ \S+ +\d+ (.*)$/.exec(line)?.[1] ?? [])
        .map((name) => prefix + name);
    },
    remove: async (key) => void (await run("s3", "rm", ...quiet.slice(1), `s3://${bucket}/${key}`)),
    async range(key, first, last) {
      const file = join(folder, "range");
      const where = ["--bucket", bucket, "--key", key, "--range", `bytes=${first}-${last}`];
      await run("s3api", "get-object", ...where, file);
      return readFile(file);
    },
    presignGet: async (key) => (await run("s3", "presign", `s3://${bucket}/${key}`)).trim(),
    [Symbol.asyncDispose]: nothing,
  };
}

async function openRclone(account: S3Account, folder: string): Promise<S3Client> {
  const env = clientEnvironment(folder, {
    RCLONE_CONFIG: "/dev/null",
    RCLONE_CONFIG_OURS_TYPE: "s3",
    RCLONE_CONFIG_OURS_PROVIDER: "Other",
    RCLONE_CONFIG_OURS_ENDPOINT: account.endpointUrl,
    RCLONE_CONFIG_OURS_ACCESS_KEY_ID: account.accessKeyId,
    RCLONE_CONFIG_OURS_SECRET_ACCESS_KEY: account.secretAccessKey,
    RCLONE_CONFIG_OURS_REGION: "auto",
    RCLONE_S3_UPLOAD_CUTOFF: "8M",
    RCLONE_S3_CHUNK_SIZE: "8M",
    ...(account.caFile && { RCLONE_CA_CERT: account.caFile }),
  });
  const run = (...args: string[]): Promise<string> => outputOf(rclone.path, args, { env });
  const at = (key: string): string => `ours:${bucket}/${key}`;
  return {
    put: async (file, key) => void (await run("copyto", file, at(key))),
    get: async (key, file) => void (await run("copyto", at(key), file)),
    async list(prefix) {
      const names = (await run("lsf", "--files-only", at(prefix))).split("\n");
      return names.filter((name) => name !== "").map((name) => prefix + name);
    },
    remove: async (key) => void (await run("deletefile", at(key))),
    async range(key, first, last) {
      const size = String(last - first + 1);
      return Buffer.from(await run("cat", "--offset", String(first), "--count", size, at(key)), "utf8");
    },
    presignGet: async (key) => (await run("link", "--expire", "10m", at(key))).trim(),
    [Symbol.asyncDispose]: nothing,
  };
}

async function openS3cmd(account: S3Account, folder: string): Promise<S3Client> {
  const { host, pathname, protocol } = new URL(account.endpointUrl);
  const config = join(folder, "s3cfg");
  writeFileSync(
    config,
    `[default]
access_key = ${account.accessKeyId}
secret_key = ${account.secretAccessKey}
host_base = ${host}${pathname}
host_bucket = ${host}${pathname}
use_https = ${protocol === "https:" ? "True" : "False"}
multipart_chunk_size_mb = 8
bucket_location = auto
${account.caFile ? `ca_certs_file = ${account.caFile}\n` : ""}`,
  );
  const env = clientEnvironment(folder, { LC_ALL: "C.UTF-8" });
  const run = (...args: string[]): Promise<string> =>
    outputOf(s3cmd.path, ["--config", config, "--no-progress", ...args], { env });
  const at = (key: string): string => `s3://${bucket}/${key}`;
  return {
    put: async (file, key) => void (await run("put", file, at(key))),
    async get(key, file) {
      await rm(file, { force: true });
      // The second call goes on where the first was cut off.
      await run("get", at(key), file).catch(async () => run("get", "--continue", at(key), file));
    },
    async list(prefix) {
      const lines = (await run("ls", at(prefix))).split("\n");
      return lines.flatMap((line) => /^\S+ \S+ +\d+ +s3:\/\/[^/]+\/(.*)$/.exec(line)?.[1] ?? []);
    },
    remove: async (key) => void (await run("del", at(key))),
    presignGet: async (key) => (await run("signurl", at(key), "+600")).trim(),
    [Symbol.asyncDispose]: nothing,
  };
}

async function openCurl(account: S3Account, folder: string): Promise<S3Client> {
  const config = join(folder, "curlrc");
  // In a file, since other users can see a command line. curl before 8 leaves this header out, which S3 demands.
  await writeFile(
    config,
    [
      `user = "${account.accessKeyId}:${account.secretAccessKey}"`,
      'aws-sigv4 = "aws:amz:auto:s3"',
      'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"',
      "silent",
      "show-error",
      "fail",
      ...(account.caFile ? [`cacert = "${account.caFile}"`] : []),
    ].join("\n"),
    { mode: 0o600 },
  );
  const run = (...args: string[]): Promise<string> =>
    outputOf(curl.path, ["--config", config, ...args], { env: clientEnvironment(folder) });
  const at = (key: string): string =>
    `${account.endpointUrl}/${bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;
  const again = ["--retry", "3", "--retry-all-errors", "--retry-delay", "1"];
  return {
    put: async (file, key) => void (await run(...again, "--upload-file", file, at(key))),
    async get(key, file) {
      await rm(file, { force: true });
      // The second call goes on where the first was cut off.
      const from = ["--continue-at", "-", "--output", file];
      await run(...from, at(key)).catch(async () => run(...from, at(key)));
    },
    async list(prefix) {
      const query = `list-type=2&prefix=${encodeURIComponent(prefix)}`;
      const xml = await run(`${account.endpointUrl}/${bucket}?${query}`);
      return [...xml.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = ""]) => key.replaceAll("&amp;", "&"));
    },
    remove: async (key) => void (await run("--request", "DELETE", at(key))),
    async range(key, first, last) {
      const file = join(folder, "range");
      await run("--range", `${first}-${last}`, "--output", file, at(key));
      return readFile(file);
    },
    [Symbol.asyncDispose]: nothing,
  };
}

/** Every client that the storage endpoint promises to work with. */
export const s3ClientKinds: readonly S3ClientKind[] = [
  {
    name: "boto3",
    skip: python.skip,
    sendsParts: true,
    chunksOverTls: true,
    open: (account, folder) => openBoto3(python.path, account, folder),
  },
  { name: "the AWS CLI", skip: aws.skip, sendsParts: true, chunksOverTls: true, open: openAws },
  { name: "rclone", skip: rclone.skip, sendsParts: true, chunksOverTls: false, open: openRclone },
  { name: "s3cmd", skip: s3cmd.skip, sendsParts: true, chunksOverTls: false, open: openS3cmd },
  { name: "the AWS SDK for JavaScript", skip: false, sendsParts: true, chunksOverTls: false, open: openSdk },
  { name: "curl", skip: curl.skip, sendsParts: false, chunksOverTls: false, open: openCurl },
  {
    name: "s3fs",
    skip: s3fs.skip,
    sendsParts: true,
    chunksOverTls: false,
    open: (account, folder) => mountS3fs(s3fs.path, account, folder),
  },
];
