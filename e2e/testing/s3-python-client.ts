import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { repository } from "./run-program.ts";
import type { S3Client } from "./s3-clients.ts";
import { awsEnvironment, type S3Account } from "./s3-site.ts";

/** The script that works with boto3, as a client and as a trainer. */
export const boto3Script: string = join(repository, "e2e", "testing", "s3-boto3.py");

/** The script that works with s3fs for Python. */
export const fsspecScript: string = join(repository, "e2e", "testing", "s3-fsspec.py");

/** A Python client with everything that it can do. */
export interface PythonClient extends S3Client {
  range(key: string, first: number, last: number): Promise<Buffer>;
  presignGet(key: string): Promise<string>;
  presignPut(key: string): Promise<string>;
  /** Checks what no transfer shows, with objects below `prefix` that are gone afterwards. */
  manual(prefix: string): Promise<void>;
}

/** Starts one process that does all of it; `signatureVersion` as botocore names it. */
export async function openPythonClient(
  python: string,
  script: string,
  account: S3Account,
  folder: string,
  signatureVersion?: string,
): Promise<PythonClient> {
  const env = {
    ...awsEnvironment(account, folder),
    ADDRESSING_STYLE: account.proxyUrl === null ? "path" : "virtual",
    ...(signatureVersion && { SIGNATURE_VERSION: signatureVersion }),
  };
  const child = spawn(python, [script], { env, stdio: ["pipe", "pipe", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = new Promise<never>((_, reject) => {
    child.once("error", reject).once("close", () => reject(new Error(`${script} ended: ${errors}`)));
  });
  ended.catch(() => undefined);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const run = async (...command: (string | number)[]): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify(command)}\n`);
    const line = await Promise.race([lines.next(), ended]);
    const { answer, error } = JSON.parse(String(line.value)) as { answer?: unknown; error?: string };
    if (error !== undefined) throw new Error(error);
    return answer;
  };
  return {
    put: async (file, key) => void (await run("put", file, key)),
    get: async (key, file) => void (await run("get", key, file)),
    list: async (prefix) => (await run("list", prefix)) as string[],
    remove: async (key) => void (await run("remove", key)),
    range: async (key, first, last) => Buffer.from(String(await run("range", key, first, last)), "latin1"),
    presignGet: async (key) => String(await run("presign", "get_object", key)),
    presignPut: async (key) => String(await run("presign", "put_object", key)),
    manual: async (prefix) => void (await run("manual", prefix)),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended.catch(() => undefined);
    },
  };
}
