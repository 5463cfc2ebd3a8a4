import { createHash, createHmac, randomFillSync } from "node:crypto";
import { connect, type Socket } from "node:net";
import { crc32 } from "node:zlib";
import { checksumHasher } from "@simpletuner-cloud/server/http/s3/checksums.ts";

/** How a body is protected: `plain` for servers without signatures, the others as S3 clients send them. */
export type PayloadKind = "plain" | "unsigned" | "sha256" | "crc32" | "crc64nvme";

/** What an S3 client signs with. */
export interface AccessKey {
  id: string;
  secret: string;
}

/** One measurement; the keys are `<key>`, or `<key>-<client>-<number>` where there are several. */
export interface LoadTask {
  port: number;
  /** Signs the requests; null for servers without signatures. */
  accessKey: AccessKey | null;
  prefix: string;
  key: string;
  payload: PayloadKind;
  operation: "put" | "get" | "multipart" | "delete";
  clients: number;
  /** Objects that each client sends or gets one after the other; 0: one object for all, named by `key` alone. */
  objectsEach: number;
  sizeBytes: number;
  /** Of `multipart`. */
  partBytes: number;
}

/** What a measurement took, without preparing the bodies. */
export interface LoadResult {
  seconds: number;
  clientCpuSeconds: number;
  /** Of `multipart`: the last request, that makes the object of its parts. */
  completeMs: number;
}

const sliceBytes = 1 << 20;
/** Bodies repeat this block; its size is no multiple of a page's power, so that no two MiB are the same. */
const block = randomFillSync(Buffer.allocUnsafe(8 << 20));

function slices(sizeBytes: number): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < sizeBytes; at += sliceBytes) {
    const start = at % block.length;
    found.push(block.subarray(start, start + Math.min(sliceBytes, sizeBytes - at)));
  }
  return found;
}

interface Body {
  length: number;
  slices: Buffer[];
  headers: Record<string, string>;
  sha256: string;
}

/** The body of `sizeBytes` with its framing; made before the clock starts. */
function prepare(payload: PayloadKind, sizeBytes: number): Body {
  const data = slices(sizeBytes);
  const body = { length: sizeBytes, slices: data, headers: {}, sha256: "UNSIGNED-PAYLOAD" };
  if (payload === "sha256") {
    const hash = createHash("sha256");
    for (const slice of data) hash.update(slice);
    return { ...body, sha256: hash.digest("hex") };
  }
  if (payload !== "crc32" && payload !== "crc64nvme") return body;
  let sum: string;
  if (payload === "crc32") {
    let value = 0;
    for (const slice of data) value = crc32(slice, value);
    sum = Buffer.from(value.toString(16).padStart(8, "0"), "hex").toString("base64");
  } else {
    const hasher = checksumHasher("CRC64NVME");
    for (const slice of data) hasher.update(slice);
    sum = hasher.digest();
  }
  const framed: Buffer[] = [];
  for (const slice of data) {
    framed.push(Buffer.from(`${slice.length.toString(16)}\r\n`), slice, Buffer.from("\r\n"));
  }
  framed.push(Buffer.from(`0\r\nx-amz-checksum-${payload}:${sum}\r\n\r\n`));
  return {
    slices: framed,
    length: framed.reduce((total, slice) => total + slice.length, 0),
    sha256: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    headers: {
      "content-encoding": "aws-chunked",
      "x-amz-decoded-content-length": String(sizeBytes),
      "x-amz-trailer": `x-amz-checksum-${payload}`,
    },
  };
}

/** One keep-alive connection. */
class Client {
  readonly #task: LoadTask;
  readonly #socket: Socket;
  #onAnswer: (text: string) => void = () => undefined;
  #onError: (error: Error) => void = () => undefined;
  #head: Buffer = Buffer.alloc(0);
  #missing = -1;
  #text = "";

  constructor(task: LoadTask) {
    this.#task = task;
    this.#socket = connect({ port: task.port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (piece) => this.#take(piece));
    this.#socket.on("error", (error) => this.#onError(error));
    this.#socket.on("close", () => this.#onError(new Error("The server closed the connection.")));
  }

  /** Resolves with the answer's head and the beginning of its body; rejects on any status but 2xx. */
  async send(method: string, key: string, query: string, body: Body | null): Promise<string> {
    const answered = new Promise<string>((resolve, reject) => {
      this.#onAnswer = resolve;
      this.#onError = reject;
    });
    answered.catch(() => undefined);
    this.#socket.write(this.#headOf(method, key, query, body), "latin1");
    for (const slice of body?.slices ?? []) {
      if (this.#socket.write(slice)) continue;
      await Promise.race([new Promise((resolve) => void this.#socket.once("drain", resolve)), answered]);
    }
    return answered;
  }

  close(): void {
    this.#onError = () => undefined;
    this.#socket.destroy();
  }

  #headOf(method: string, key: string, query: string, body: Body | null): string {
    const { port, prefix, accessKey } = this.#task;
    const path = prefix + key;
    const headers: Record<string, string> = { host: `127.0.0.1:${port}`, ...body?.headers };
    if (accessKey !== null)
      Object.assign(headers, signature(accessKey, method, path, query, headers, body?.sha256));
    if (body !== null) headers["content-length"] = String(body.length);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${path}${query === "" ? "" : `?${query}`} HTTP/1.1\r\n${lines.join("")}\r\n`;
  }

  #take(piece: Buffer): void {
    if (this.#missing > 0) {
      this.#missing -= piece.length;
      if (this.#text.length < 4096) this.#text += piece.toString("latin1");
    } else {
      this.#head = this.#head.length === 0 ? piece : Buffer.concat([this.#head, piece]);
      const end = this.#head.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#text = this.#head.toString("latin1", 0, Math.min(this.#head.length, end + 4096));
      const length = Number(/^content-length: *(\d+)/im.exec(this.#text)?.[1] ?? 0);
      this.#missing = length - (this.#head.length - end - 4);
      this.#head = Buffer.alloc(0);
    }
    if (this.#missing > 0) return;
    const text = this.#text;
    if (text.startsWith("HTTP/1.1 2")) this.#onAnswer(text);
    else this.#onError(new Error(text));
  }
}

const region = "auto";
let knownKey: { day: string; key: Buffer } | null = null;

/** Signature Version 4 over every header. */
function signature(
  accessKey: AccessKey,
  method: string,
  path: string,
  query: string,
  headers: Record<string, string>,
  payloadHash = "UNSIGNED-PAYLOAD",
): Record<string, string> {
  const dateTime = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const day = dateTime.slice(0, 8);
  if (knownKey?.day !== day) {
    const names = [day, region, "s3", "aws4_request"];
    knownKey = { day, key: names.reduce<Buffer>(hmac, Buffer.from(`AWS4${accessKey.secret}`)) };
  }
  const signed = { ...headers, "x-amz-content-sha256": payloadHash, "x-amz-date": dateTime };
  const lines = Object.entries(signed).sort(([left], [right]) => (left < right ? -1 : 1));
  const names = lines.map(([name]) => name).join(";");
  const pairs = query === "" ? [] : query.split("&").map((pair) => (pair.includes("=") ? pair : `${pair}=`));
  const canonical = [
    method,
    path,
    pairs.sort().join("&"),
    ...lines.map(([name, value]) => `${name}:${value}`),
    "",
    names,
    payloadHash,
  ].join("\n");
  const scope = `${day}/${region}/s3/aws4_request`;
  const digest = createHash("sha256").update(canonical).digest("hex");
  const text = ["AWS4-HMAC-SHA256", dateTime, scope, digest].join("\n");
  return {
    "x-amz-content-sha256": payloadHash,
    "x-amz-date": dateTime,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKey.id}/${scope}, SignedHeaders=${names}, Signature=${hmac(knownKey.key, text).toString("hex")}`,
  };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

async function multipart(task: LoadTask, clients: Client[]): Promise<number> {
  const [first] = clients;
  if (first === undefined) return 0;
  const isS3 = task.accessKey !== null;
  const algorithm = task.payload.startsWith("crc")
    ? { "x-amz-checksum-algorithm": task.payload.toUpperCase() }
    : undefined;
  const opening = { ...emptyBody, headers: { ...algorithm } };
  const created = isS3 ? await first.send("POST", task.key, "uploads", opening) : "";
  const uploadId = /<UploadId>(\w+)</.exec(created)?.[1] ?? "";
  const count = Math.ceil(task.sizeBytes / task.partBytes);
  const etags: string[] = [];
  let next = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (next < count) {
        const index = next++;
        const query = isS3
          ? `partNumber=${index + 1}&uploadId=${uploadId}`
          : `offset=${index * task.partBytes}`;
        const answer = await client.send("PUT", task.key, query, partBody);
        etags[index] = /^etag: *(\S+)/im.exec(answer)?.[1] ?? "";
      }
    }),
  );
  const parts = etags.map(
    (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
  );
  const list = Buffer.from(`<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`);
  const body = { ...emptyBody, length: list.length, slices: [list] };
  const startedAt = performance.now();
  await first.send("POST", task.key, isS3 ? `uploadId=${uploadId}` : "complete", isS3 ? body : emptyBody);
  return performance.now() - startedAt;
}

const emptyBody: Body = { length: 0, slices: [], headers: {}, sha256: "UNSIGNED-PAYLOAD" };

async function plainRequests(task: LoadTask, client: Client, clientIndex: number): Promise<void> {
  const method = task.operation.toUpperCase();
  const body = task.operation === "put" ? wholeBody : null;
  if (task.objectsEach === 0) await client.send(method, task.key, "", body);
  for (let index = 0; index < task.objectsEach; index++)
    await client.send(method, `${task.key}-${clientIndex}-${index}`, "", body);
}

const task = JSON.parse(process.argv[2] ?? "{}") as LoadTask;
const wholeBody = task.operation === "put" ? prepare(task.payload, task.sizeBytes) : emptyBody;
const partBody = task.operation === "multipart" ? prepare(task.payload, task.partBytes) : emptyBody;
const clients = Array.from({ length: task.clients }, () => new Client(task));
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
let completeMs = 0;
if (task.operation === "multipart") completeMs = await multipart(task, clients);
else await Promise.all(clients.map((client, index) => plainRequests(task, client, index)));
const seconds = (performance.now() - startedAt) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
for (const client of clients) client.close();
console.log(JSON.stringify({ seconds, clientCpuSeconds: (user + system) / 1e6, completeMs }));
