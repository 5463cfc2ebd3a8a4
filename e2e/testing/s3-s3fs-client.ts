import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { eventually, outputOf, runProgram } from "./run-program.ts";
import type { S3Client } from "./s3-clients.ts";
import { clientEnvironment, type S3Account } from "./s3-site.ts";

/**
 * s3fs with the bucket mounted below `folder`; disposing unmounts it. Every file operation there is made by a program
 * of its own: one that waits for the server must not hold up this process, which the server's bytes may go through.
 */
export async function mountS3fs(path: string, account: S3Account, folder: string): Promise<S3Client> {
  const mount = join(folder, "mount");
  await mkdir(mount, { recursive: true });
  const passwords = join(folder, "passwd-s3fs");
  await writeFile(passwords, `${account.accessKeyId}:${account.secretAccessKey}\n`, { mode: 0o600 });
  const { endpointUrl, proxyUrl } = account;
  // With the bucket in the host name it signs as if there were no path.
  const style =
    proxyUrl === null
      ? [`url=${endpointUrl}`, "use_path_request_style"]
      : [`url=${new URL(endpointUrl).origin}`];
  const where = [...style, `passwd_file=${passwords}`];
  const options = ["multipart_size=8", "stat_cache_expire=0"];
  const program = runProgram(path, ["outputs", mount, "-f", "-o", [...where, ...options].join(",")], {
    env: clientEnvironment(folder, proxyUrl === null ? {} : { http_proxy: proxyUrl }),
  });
  const listed = mount.replaceAll(" ", "\\040");
  const isMounted = async () => ((await readFile("/proc/mounts", "utf8")).includes(listed) ? true : null);
  await eventually(isMounted, program, 10_000);
  const at = (key: string): string => join(mount, key);
  return {
    async put(file, key) {
      await outputOf("mkdir", ["-p", dirname(at(key))]);
      await outputOf("cp", [file, at(key)]);
    },
    get: async (key, file) => void (await outputOf("cp", [at(key), file])),
    async list(prefix) {
      const names = (await outputOf("ls", ["--literal", at(prefix)])).split("\n");
      return names.filter((name) => name !== "").map((name) => prefix + name);
    },
    remove: async (key) => void (await outputOf("rm", [at(key)])),
    async range(key, first, last) {
      const count = [`skip=${first}`, `count=${last - first + 1}`, "status=none"];
      return Buffer.from(await outputOf("dd", [`if=${at(key)}`, "bs=1", ...count]));
    },
    async [Symbol.asyncDispose]() {
      await outputOf("umount", ["--lazy", mount]);
      await Promise.race([program.ended, new Promise((resolve) => setTimeout(resolve, 5_000).unref())]);
      await program[Symbol.asyncDispose]();
    },
  };
}
