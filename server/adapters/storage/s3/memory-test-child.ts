import { randomBytes } from "node:crypto";
import { openS3Storage } from "./s3-storage.ts";

/** Sends and receives one large object and tells by how much its own memory grew above that after a small one. */
const objectBytes = 512 * 1024 * 1024;
const { ENDPOINT = "", BUCKET = "", PREFIX = "" } = process.env;

const storage = openS3Storage({
  bucket: BUCKET,
  prefix: PREFIX,
  endpoint: ENDPOINT,
  region: "auto",
  pathStyle: true,
  credentials: { accessKeyId: "replica", secretAccessKey: "replica-secret" },
});
const chunk = randomBytes(256 * 1024);
let peakBytes = 0;
const sampling = setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage.rss())), 20);

async function* body(bytes: number): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < bytes; sent += chunk.length) yield Buffer.from(chunk);
}

async function send(key: string, bytes: number): Promise<void> {
  const described = { headers: {}, userMetadata: {} };
  await storage.putObject({ bucket: "outputs", key, ...described, body: body(bytes), declaredBytes: bytes });
}

async function receive(key: string): Promise<void> {
  const object = await storage.getObject("outputs", key);
  if (object === null) throw new Error("The object is gone.");
  let received = 0;
  await object.read({ start: 0, end: object.info.sizeBytes }, async (piece) => {
    received += piece.length;
  });
  await object.close();
  if (received !== object.info.sizeBytes) throw new Error("The object came back short.");
}

/** The most memory while `work` ran. */
async function peakOf(work: () => Promise<void>): Promise<number> {
  peakBytes = process.memoryUsage.rss();
  await work();
  return Math.max(peakBytes, process.memoryUsage.rss());
}

await storage.createBucket("outputs");
const smallBytes = 32 * 1024 * 1024;
const smallPut = await peakOf(() => send("small", smallBytes));
const smallGet = await peakOf(() => receive("small"));
const putBytes = (await peakOf(() => send("large", objectBytes))) - smallPut;
const getBytes = (await peakOf(() => receive("large"))) - Math.max(smallPut, smallGet);
clearInterval(sampling);
storage.close();
process.send?.({ putBytes, getBytes });
process.disconnect?.();
