import { writeFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { outputOf } from "./run-program.ts";
import type { S3Client } from "./s3-clients.ts";
import { awsEnvironment, clientEnvironment, type S3Account } from "./s3-site.ts";

const bucket = "outputs";

const nothing = async (): Promise<void> => undefined;

/** The AWS CLI at `path`, as are the others here; `folder` is scratch for their configuration. */
export async function openAws(path: string, account: S3Account, folder: string): Promise<S3Client> {
  const config = join(folder, "aws-config");
  const style = account.proxyUrl === null ? "path" : "virtual";
  await writeFile(config, `[default]\ns3 =\n  addressing_style = ${style}\n`);
  const env = { ...awsEnvironment(account, folder), AWS_CONFIG_FILE: config };
  // Versions before 2.13 do not know the variable.
  const endpoint = ["--endpoint-url", account.endpointUrl];
  const run = (...args: string[]): Promise<string> => outputOf(path, [...endpoint, ...args], { env });
  const quiet = ["--no-progress", "--only-show-errors"];
  return {
    put: async (file, key) => void (await run("s3", "cp", ...quiet, file, `s3://${bucket}/${key}`)),
    async get(key, file) {
      const copy = () => run("s3", "cp", ...quiet, `s3://${bucket}/${key}`, file);
      await copy().catch((error: unknown) => {
        // Version 2.9 leaves a connection that breaks within a body to the person.
        if (!/Connection broken/.test(String(error))) throw error;
        return copy();
      });
    },
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

/** rclone. */
export async function openRclone(path: string, account: S3Account, folder: string): Promise<S3Client> {
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
    ...(account.proxyUrl !== null && { HTTP_PROXY: account.proxyUrl, RCLONE_S3_FORCE_PATH_STYLE: "false" }),
    ...(account.caFile && { RCLONE_CA_CERT: account.caFile }),
  });
  const run = (...args: string[]): Promise<string> => outputOf(path, args, { env });
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

/** s3cmd. */
export async function openS3cmd(path: string, account: S3Account, folder: string): Promise<S3Client> {
  const { host, pathname, protocol } = new URL(account.endpointUrl);
  const proxy = account.proxyUrl === null ? null : new URL(account.proxyUrl);
  // With buckets in host names it knows no path.
  const [hostBase, hostBucket] =
    proxy === null ? [host + pathname, host + pathname] : [host, `%(bucket)s.${host}`];
  const config = join(folder, "s3cfg");
  writeFileSync(
    config,
    `[default]
access_key = ${account.accessKeyId}
secret_key = ${account.secretAccessKey}
host_base = ${hostBase}
host_bucket = ${hostBucket}
use_https = ${protocol === "https:" ? "True" : "False"}
multipart_chunk_size_mb = 8
bucket_location = auto
${proxy === null ? "" : `proxy_host = ${proxy.hostname}\nproxy_port = ${proxy.port}\n`}${account.caFile ? `ca_certs_file = ${account.caFile}\n` : ""}`,
  );
  const env = clientEnvironment(folder, { LC_ALL: "C.UTF-8" });
  const run = (...args: string[]): Promise<string> =>
    outputOf(path, ["--config", config, "--no-progress", ...args], { env });
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

/** curl. */
export async function openCurl(path: string, account: S3Account, folder: string): Promise<S3Client> {
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
      ...(account.proxyUrl === null ? [] : [`proxy = "${account.proxyUrl}"`]),
      ...(account.caFile ? [`cacert = "${account.caFile}"`] : []),
    ].join("\n"),
    { mode: 0o600 },
  );
  const run = (...args: string[]): Promise<string> =>
    outputOf(path, ["--config", config, ...args], { env: clientEnvironment(folder) });
  const bucketUrl =
    account.proxyUrl === null
      ? `${account.endpointUrl}/${bucket}`
      : account.endpointUrl.replace("://", `://${bucket}.`);
  const at = (key: string): string => `${bucketUrl}/${key.split("/").map(encodeURIComponent).join("/")}`;
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
      const xml = await run(`${bucketUrl}?${query}`);
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
