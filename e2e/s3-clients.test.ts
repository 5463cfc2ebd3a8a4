import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { HeadObjectCommand, S3Client as Sdk } from "@aws-sdk/client-s3";
import { type S3Client, type S3ClientKind, s3ClientKinds } from "./testing/s3-clients.ts";
import { boto3Script, fsspecScript, openPythonClient } from "./testing/s3-python-client.ts";
import { cuttingProxy, makeCertificate, rewritingProxy, tlsFront } from "./testing/s3-proxies.ts";
import {
  makeFile,
  type S3Account,
  type S3Site,
  sha256Of,
  startS3Site,
  storagePath,
} from "./testing/s3-site.ts";
import { s3Timings } from "./testing/s3-timings.ts";

/** Large enough for several parts of every client; `node e2e/s3-clients.ts` sets 1 GiB. */
const largeBytes = Number(process.env["S3_CLIENT_BYTES"] ?? 24 * 1024 * 1024);
/** What the client that trainers use sends in every run. */
const hugeBytes = 1024 * 1024 * 1024;

const boto3Kind = s3ClientKinds.find(({ name }) => name === "boto3")!;
const { timed, table } = s3Timings();

describe("S3 clients against the product", () => {
  let site: S3Site;
  let large: string;
  let largeHash: string;
  let small: string;

  before(async () => {
    site = await startS3Site();
    large = join(site.folder, "large.safetensors");
    largeHash = await makeFile(large, largeBytes);
    small = join(site.folder, "small.txt");
    await writeFile(small, "a few bytes, and ünïcode\n");
  });
  after(async () => {
    await site?.[Symbol.asyncDispose]();
    if (process.env["S3_CLIENT_BYTES"] !== undefined) console.log(`${largeBytes} bytes\n${table()}`);
  });

  /** Opens a client with a scratch folder of its own, and closes it whatever happens. */
  async function withClient(
    kind: S3ClientKind,
    change: Partial<S3Account>,
    work: (client: S3Client, folder: string) => Promise<void>,
  ): Promise<void> {
    const folder = await mkdtemp(join(site.folder, "client "));
    const client = await kind.open({ ...site.account, ...change }, folder);
    try {
      await work(client, folder);
    } finally {
      await client[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    }
  }

  async function assertStored(client: S3Client, key: string, folder: string): Promise<void> {
    const back = join(folder, "back");
    await client.get(key, back);
    assert.equal(await sha256Of(back), largeHash, `${key} came back as it went`);
  }

  /** Number of parts that the object was put together from; 0 when it came in one piece. */
  async function partsOf(Key: string): Promise<number> {
    const { accessKeyId, secretAccessKey, endpointUrl } = site.account;
    const credentials = { accessKeyId, secretAccessKey };
    const sdk = new Sdk({ endpoint: endpointUrl, region: "auto", forcePathStyle: true, credentials });
    const { ETag = "" } = await sdk.send(new HeadObjectCommand({ Bucket: "outputs", Key }));
    sdk.destroy();
    return Number(/-(\d+)"$/.exec(ETag)?.[1] ?? 0);
  }

  /** The signed URL gives the small file to anybody, and a changed one nothing. */
  async function assertReadable(signed: Promise<string>): Promise<void> {
    const url = await signed;
    assert.equal(await (await fetch(url)).text(), await readFile(small, "utf8"));
    const part = await fetch(url, { headers: { range: "bytes=2-9" } });
    assert.deepEqual([part.status, await part.text()], [206, "few byte"]);
    const spoilt = await fetch(url.replace(/(?<=ignature=)./, (letter) => (letter === "0" ? "1" : "0")));
    assert.equal(spoilt.status, 403);
  }

  /** The URL that the client signs takes an object from anybody. */
  async function assertWritable(client: S3Client, newKey: string): Promise<void> {
    const url = (await client.presignPut?.(newKey)) ?? "";
    assert.equal((await fetch(url, { method: "PUT", body: "by URL" })).status, 200);
    assert.equal((await fetch(url)).status, 403);
    const got = await fetch((await client.presignGet?.(newKey)) ?? "");
    assert.equal(await got.text(), "by URL");
    await client.remove(newKey);
  }

  for (const kind of s3ClientKinds) {
    const area = kind.name.replaceAll(/[^A-Za-z0-9]+/g, "-");
    const clock = <Result>(what: string, work: () => Promise<Result>) => timed(kind.name, what, work);

    describe(kind.name, { skip: kind.skip }, () => {
      it("puts, lists, gets and deletes files of all sizes, and reads a part of one", () =>
        withClient(kind, {}, async (client, folder) => {
          const keys = [`${area}/large.safetensors`, `${area}/ünï code + (1)&.txt`];
          await clock("put", () => client.put(large, keys[0]!));
          await client.put(small, keys[1]!);
          assert.deepEqual((await clock("list", () => client.list(`${area}/`))).sort(), keys);
          await clock("get", () => assertStored(client, keys[0]!, folder));
          await client.get(keys[1]!, join(folder, "small"));
          assert.deepEqual(await readFile(join(folder, "small")), await readFile(small));
          assert.equal((await partsOf(keys[0]!)) > 1, kind.sendsParts);
          if (client.presignGet)
            await clock("presigned GET", () => assertReadable(client.presignGet!(keys[1]!)));
          if (client.presignPut)
            await clock("presigned PUT", () => assertWritable(client, `${area}-presigned`));
          if (client.range)
            assert.equal(String(await clock("range", () => client.range!(keys[1]!, 2, 9))), "few byte");
          await clock("delete", () => client.remove(keys[0]!));
          await client.remove(keys[1]!);
          assert.deepEqual(await client.list(`${area}/`).catch(() => []), []);
          // rclone takes a key that is not there for an empty folder, and is content.
          await client.get(keys[0]!, join(folder, "gone")).catch(() => undefined);
          await assert.rejects(readFile(join(folder, "gone")), { code: "ENOENT" });
        }));

      it("goes on after a connection was cut, up and down", async () => {
        await using proxy = await cuttingProxy(site.port);
        const endpointUrl = `http://127.0.0.1:${proxy.port}${storagePath}`;
        await withClient(kind, { endpointUrl }, async (client, folder) => {
          const key = `${area}-cut/large`;
          proxy.cutNext("up", Math.floor(largeBytes * 0.54));
          await clock("put, cut", () => client.put(large, key));
          assert.equal(proxy.cuts(), 1);
          proxy.cutNext("down", Math.floor(largeBytes * 0.54));
          await clock("get, cut", () => assertStored(client, key, folder));
          assert.equal(proxy.cuts(), 2);
          await client.remove(key);
        });
      });
    });
  }

  for (const kind of s3ClientKinds.filter(({ chunksOverTls }) => chunksOverTls)) {
    const openssl = process.env["TEST_OPENSSL"] ?? "";
    const skip = openssl === "" ? "openssl was not found" : kind.skip;

    it(`${kind.name} sends its checksums behind the body over https`, { skip }, async () => {
      const folder = await mkdtemp(join(site.folder, "tls "));
      const certificate = await makeCertificate(openssl, folder);
      let framings = 0;
      await using front = await tlsFront(site.port, certificate, (data) => {
        if (data.includes("STREAMING-UNSIGNED-PAYLOAD-TRAILER")) framings++;
      });
      const endpointUrl = `https://127.0.0.1:${front.port}${storagePath}`;
      await withClient(kind, { endpointUrl, caFile: certificate.caFile }, async (client, scratch) => {
        const key = `tls/${kind.name.replaceAll(" ", "-")}`;
        await client.put(large, key);
        await assertStored(client, key, scratch);
        assert.ok(framings > 1, "every part came in aws-chunked framing");
      });
    });
  }

  for (const kind of s3ClientKinds.filter(({ name }) => ["boto3", "rclone"].includes(name))) {
    for (const [what, path, change] of [
      ["rewrites Accept-Encoding", storagePath, () => ({ headers: { "accept-encoding": "gzip, br" } })],
      ["puts the mount point on", "", ({ url = "" }) => ({ path: storagePath + url })],
    ] as [string, string, Parameters<typeof rewritingProxy>[1]][]) {
      it(`${kind.name} works through a proxy that ${what}`, { skip: kind.skip }, async () => {
        await using proxy = await rewritingProxy(site.port, change);
        const endpointUrl = `http://127.0.0.1:${proxy.port}${path}`;
        await withClient(kind, { endpointUrl }, async (client, folder) => {
          const key = `${kind.name}-through/${what.replaceAll(" ", "-")}`;
          await client.put(large, key);
          assert.deepEqual(await client.list(`${kind.name}-through/`), [key]);
          await assertStored(client, key, folder);
          await client.remove(key);
        });
      });
    }
  }

  it("boto3 does the small things too, and signs URLs in version 4", { skip: boto3Kind.skip }, async () => {
    const python = process.env["TEST_BOTO3_PYTHON"] ?? "";
    await using client = await openPythonClient(python, boto3Script, site.account, site.folder, "s3v4");
    await client.manual("manual/");
    assert.match(await client.presignPut("by-url"), /X-Amz-Signature=/);
    await client.put(small, "small/v4");
    await assertReadable(client.presignGet("small/v4"));
    await assertWritable(client, "by-url");
  });

  const fsspecKind = s3ClientKinds.find(({ name }) => name === "s3fs for Python")!;
  it("s3fs for Python is a file system to programs", { skip: fsspecKind.skip }, async () => {
    const python = process.env["TEST_S3FS_PYTHON"] ?? "";
    await using client = await openPythonClient(python, fsspecScript, site.account, site.folder);
    await client.manual("manual/");
  });

  const hugeSkip = largeBytes >= hugeBytes ? "all of them did" : boto3Kind.skip;
  it("boto3 sends 1 GiB in parts and gets it back whole", { skip: hugeSkip }, async () => {
    await withClient(boto3Kind, {}, async (client, folder) => {
      const sent = join(folder, "sent");
      const hash = await makeFile(sent, hugeBytes);
      await client.put(sent, "huge");
      assert.equal(await partsOf("huge"), 128);
      await rm(sent);
      await client.get("huge", join(folder, "back"));
      assert.equal(await sha256Of(join(folder, "back")), hash);
      await client.remove("huge");
    });
  });
});
