import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type ApiClient, apiClient } from "@simpletuner-cloud/contract/client.ts";
import {
  eventually,
  freePort,
  jsonFrom,
  repository,
  type RunningProgram,
  runProgram,
} from "./run-program.ts";

/** Where an S3 client finds its endpoint, and with what key. */
export interface S3Account {
  endpointUrl: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** The certificate to trust; null for http. */
  caFile: string | null;
  /** Set: the bucket goes into the host name, and a proxy at this address leads to all hosts; null: into the path. */
  proxyUrl: string | null;
}

/** The product's own server in a process, with a scratch folder and a key that may write. */
export interface S3Site extends AsyncDisposable {
  port: number;
  /** `http://127.0.0.1:<port>` */
  url: string;
  /** Scratch; goes with the site. */
  folder: string;
  call: ApiClient;
  account: S3Account;
  server: RunningProgram;
}

/** Path of the storage endpoint on every server. */
export const storagePath = "/api/cloud/storage";

/** Starts it from dist/ with an empty state directory. */
export async function startS3Site(env: NodeJS.ProcessEnv = {}): Promise<S3Site> {
  const folder = await mkdtemp(join(tmpdir(), "simpletuner s3 "));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = [join(repository, "dist", "cli.js"), "server", "--port", String(port)];
  const server = runProgram(process.execPath, [...args, "--state-dir", join(folder, "state")], {
    env: { ...process.env, SIMPLETUNER_LOG_LEVEL: "warn", ...env },
  });
  const dispose = async (): Promise<void> => {
    server.child.kill("SIGTERM");
    const late = setTimeout(() => server.child.kill("SIGKILL"), 10_000);
    await server.ended;
    clearTimeout(late);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await eventually(() => jsonFrom(`${url}/health`), server, 30_000);
    const call = apiClient(url);
    const made = await call("POST /api/cloud/storage-keys", { body: { name: "test", access: "readwrite" } });
    const account: S3Account = {
      endpointUrl: url + storagePath,
      accessKeyId: made.key.access_key_id,
      secretAccessKey: made.secret_access_key,
      caFile: null,
      proxyUrl: null,
    };
    return { port, url, folder, call, account, server, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** SHA-256 of a file, in hex. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest("hex");
}

/** Writes a file of which no two MiB are equal; answers its SHA-256 in hex. */
export async function makeFile(file: string, sizeBytes: number): Promise<string> {
  const hash = createHash("sha256");
  const piece = Buffer.alloc(1024 * 1024);
  for (let at = 0; at < piece.length; at += 32)
    createHash("sha256").update(`${sizeBytes} ${at}`).digest().copy(piece, at);
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < sizeBytes; at += piece.length) {
      const part = Buffer.from(piece.subarray(0, Math.min(piece.length, sizeBytes - at)));
      part.writeUInt32LE((at / piece.length) >>> 0, 0);
      hash.update(part);
      yield part;
    }
  }
  await pipeline(Readable.from(pieces()), createWriteStream(file));
  return hash.digest("hex");
}

/** The environment of an S3 client: nothing of this machine's accounts, proxies and certificates. */
export function clientEnvironment(home: string, extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const ours = /^(AWS_|RCLONE_|S3|.*_PROXY$|.*_proxy$|.*CA_BUNDLE$|.*SSL_CERT|NODE_EXTRA_CA_CERTS)/;
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
  return { ...env, HOME: home, AWS_EC2_METADATA_DISABLED: "true", ...extra };
}

/** What boto3 and the AWS CLI read from the environment. */
export function awsEnvironment(account: S3Account, home: string): NodeJS.ProcessEnv {
  return clientEnvironment(home, {
    AWS_ACCESS_KEY_ID: account.accessKeyId,
    AWS_SECRET_ACCESS_KEY: account.secretAccessKey,
    AWS_ENDPOINT_URL_S3: account.endpointUrl,
    AWS_REGION: "auto",
    ...(account.proxyUrl !== null && { HTTP_PROXY: account.proxyUrl, http_proxy: account.proxyUrl }),
    ...(account.caFile && { AWS_CA_BUNDLE: account.caFile }),
    PYTHONDONTWRITEBYTECODE: "1",
  });
}
