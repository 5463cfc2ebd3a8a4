import { createReadStream, createWriteStream, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { Agent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { LookupFunction } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client as Sdk,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { S3Client } from "./s3-clients.ts";
import type { S3Account } from "./s3-site.ts";

const Bucket = "outputs";

/** Every host is this machine. */
const loopback: LookupFunction = (_host, _options, found) =>
  found(null, [{ address: "127.0.0.1", family: 4 }]);

/** The AWS SDK with what the others are not asked for. */
export interface SdkClient extends S3Client {
  /** `source` is `<bucket>/<key>`. */
  copy(source: string, key: string): Promise<void>;
}

/** The AWS SDK for JavaScript with lib-storage, in this process. */
export async function openSdk(account: S3Account): Promise<SdkClient> {
  const { accessKeyId, secretAccessKey, endpointUrl, caFile, proxyUrl } = account;
  const sdk = new Sdk({
    endpoint: endpointUrl,
    region: "auto",
    forcePathStyle: proxyUrl === null,
    credentials: { accessKeyId, secretAccessKey },
    // It warns on the console about bodies without a length.
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ...(caFile && { requestHandler: { httpsAgent: new HttpsAgent({ ca: readFileSync(caFile) }) } }),
    ...(proxyUrl && { requestHandler: { httpAgent: new Agent({ lookup: loopback }) } }),
  });
  const read = async (Key: string, Range?: string): Promise<Readable> => {
    const { Body } = await sdk.send(new GetObjectCommand({ Bucket, Key, ...(Range && { Range }) }));
    if (!(Body instanceof Readable)) throw new Error("The SDK gave no stream.");
    return Body;
  };
  return {
    async put(file, Key) {
      const params = { Bucket, Key, Body: createReadStream(file) };
      await new Upload({ client: sdk, params, partSize: 8 * 1024 * 1024 }).done();
    },
    async get(key, file) {
      // A stream that breaks is the program's to go on with.
      await pipeline(await read(key), createWriteStream(file)).catch(async () => {
        const { size } = await stat(file);
        await pipeline(await read(key, `bytes=${size}-`), createWriteStream(file, { flags: "a" }));
      });
    },
    async list(Prefix) {
      const keys: string[] = [];
      for await (const page of paginateListObjectsV2({ client: sdk }, { Bucket, Prefix, MaxKeys: 3 }))
        keys.push(...(page.Contents ?? []).map(({ Key = "" }) => Key));
      return keys;
    },
    remove: async (Key) => void (await sdk.send(new DeleteObjectCommand({ Bucket, Key }))),
    copy: async (CopySource, Key) =>
      void (await sdk.send(new CopyObjectCommand({ Bucket, Key, CopySource }))),
    async range(key, first, last) {
      const chunks: Buffer[] = [];
      for await (const chunk of await read(key, `bytes=${first}-${last}`)) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
    presignGet: (Key) => getSignedUrl(sdk, new GetObjectCommand({ Bucket, Key }), { expiresIn: 600 }),
    presignPut: (Key) => getSignedUrl(sdk, new PutObjectCommand({ Bucket, Key }), { expiresIn: 600 }),
    [Symbol.asyncDispose]: async () => sdk.destroy(),
  };
}
