import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { s3ClientKinds } from "./testing/s3-clients.ts";
import { type Proxy, rewritingProxy } from "./testing/s3-proxies.ts";
import { makeFile, type S3Site, sha256Of, startS3Site, storagePath } from "./testing/s3-site.ts";

const domain = "storage.test";
const fileBytes = Number(process.env["S3_CLIENT_BYTES"] ?? 20 * 1024 * 1024);

describe("S3 clients that put the bucket into the host name", () => {
  let site: S3Site;
  let proxy: Proxy;
  let file: string;
  let hash: string;
  const hosts = new Set<string>();

  before(async () => {
    site = await startS3Site({ SIMPLETUNER_STORAGE_DOMAIN: domain });
    // Stands in for the domain's DNS: clients send it requests for any host, and it passes them on as they are.
    proxy = await rewritingProxy(site.port, ({ url = "", headers }) => {
      hosts.add(headers.host ?? "");
      return { path: url.replace(/^http:\/\/[^/?]*/, "") || "/" };
    });
    file = join(site.folder, "large.safetensors");
    hash = await makeFile(file, fileBytes);
  });
  after(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  for (const kind of s3ClientKinds) {
    it(`${kind.name} puts, lists, gets, signs and deletes`, { skip: kind.skip }, async () => {
      const folder = await mkdtemp(join(site.folder, "client "));
      const endpointUrl = `http://${domain}:${proxy.port}${storagePath}`;
      const proxyUrl = `http://127.0.0.1:${proxy.port}`;
      hosts.clear();
      const client = await kind.open({ ...site.account, endpointUrl, proxyUrl }, folder);
      try {
        const key = `${kind.name.replaceAll(/[^A-Za-z0-9]+/g, "-")}/ünï code + (1).safetensors`;
        await client.put(file, key);
        assert.deepEqual(await client.list(key.replace(/[^/]*$/, "")), [key]);
        await client.get(key, join(folder, "back"));
        assert.equal(await sha256Of(join(folder, "back")), hash);
        if (client.presignGet) await assertSigned(await client.presignGet(key));
        await client.remove(key);
        assert.ok(
          hosts.has(`outputs.${domain}:${proxy.port}`),
          `the bucket was in the host: ${[...hosts].join()}`,
        );
      } finally {
        await client[Symbol.asyncDispose]();
        await rm(folder, { recursive: true });
      }
    });
  }

  /** The URL names the bucket's host, and gives the object to anybody. */
  async function assertSigned(url: string): Promise<void> {
    assert.equal(new URL(url).host, `outputs.${domain}:${proxy.port}`);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const { host } = new URL(url);
      get({ port: proxy.port, path: url, headers: { host } }, resolve).on("error", reject);
    });
    let length = 0;
    for await (const chunk of answer) length += (chunk as Buffer).length;
    assert.deepEqual([answer.statusCode, length], [200, fileBytes]);
  }
});
