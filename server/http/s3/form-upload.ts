import type { Body, Checksums, ObjectDescription } from "../../adapters/storage/storage.ts";
import { cannedAcl } from "./canned-acl.ts";
import { algorithmOfHeader, checksumHasher, isChecksumValue } from "./checksums.ts";
import { formBoundary, readUploadForm } from "./form-data.ts";
import type { AuthenticatedForm } from "./form-authentication.ts";
import type { FormLimits } from "./form-policy.ts";
import { describeFields } from "./object-headers.ts";
import { S3Error } from "./s3-errors.ts";
import { bodyOf, type S3Exchange, uploadReporter } from "./s3-exchange.ts";
import { headerOf, percentEncode, type S3Request } from "./s3-request.ts";
import { sendEmpty, sendXml } from "./s3-response.ts";
import { element, parseXml } from "./s3-xml.ts";
import { maxObjectTags, tagsFromXml } from "./tags.ts";

/** True for PostObject: a browser's form, whose fields say who sends it. */
export function isFormUpload({ method, bucket, key, query, message }: S3Request): boolean {
  const isForm = formBoundary(headerOf(message, "content-type")) !== null;
  return method === "POST" && bucket !== "" && key === "" && !query.has("delete") && isForm;
}

/**
 * PostObject. `authenticateFields` is asked once the fields have been read; of the exchange without access only the
 * request and the response are used before.
 */
export async function uploadForm(
  exchange: Omit<S3Exchange, "access">,
  authenticateFields: (fields: ReadonlyMap<string, string>) => Promise<AuthenticatedForm>,
): Promise<void> {
  const body = bodyOf(exchange, { ignoresChecksumHeaders: true });
  const chunks = body.chunks[Symbol.asyncIterator]();
  exchange.sendContinue();
  try {
    await takeForm(
      exchange,
      { [Symbol.asyncIterator]: () => chunks },
      body.declaredBytes,
      authenticateFields,
    );
  } finally {
    // A form that is refused in the middle must not keep what has arrived, nor its timer.
    await chunks.return?.();
  }
}

async function takeForm(
  exchange: Omit<S3Exchange, "access">,
  chunks: AsyncIterable<Uint8Array>,
  declaredBytes: number | null,
  authenticateFields: (fields: ReadonlyMap<string, string>) => Promise<AuthenticatedForm>,
): Promise<void> {
  const { request, storage, listeners } = exchange;
  const { bucket } = request;
  const boundary = formBoundary(headerOf(request.message, "content-type")) ?? "";
  const form = await readUploadForm(chunks, boundary);
  const name = form.fields.get("key")?.replaceAll("${filename}", () => form.fileName) ?? "";
  if (name === "") throw new S3Error("InvalidArgument", "Bucket POST must contain a field named 'key'.");
  const fields = new Map([...form.fields, ["bucket", bucket], ["key", name]] as const);
  const { access, limits } = await authenticateFields(fields);
  const key = await access.storedKey(bucket, name, "write");
  // Not before: nobody without credentials takes an upload's place.
  const giveBack = exchange.slots.take();
  try {
    const description = describeForm(exchange, form.fields);
    const reporter = uploadReporter({ ...exchange, access }, bucket, key);
    const file = checkedFile(form.file, form.fields, limits, reporter.onBytes);
    // The file is a little shorter than the form.
    await storage.checkSpace(declaredBytes ?? 0);
    const stored = await storage.putObject({ bucket, key, ...description, ...file });
    const { sizeBytes, etag } = stored;
    await listeners.onObjectStored?.({ jobId: access.jobId, bucket, key, sizeBytes, etag });
    reporter.finish(true);
    answer(exchange, form.fields, name, etag);
  } finally {
    giveBack();
  }
}

function describeForm(
  { allowPublicAcls }: Omit<S3Exchange, "access">,
  fields: ReadonlyMap<string, string>,
): ObjectDescription {
  const acl = fields.get("acl") ?? fields.get("x-amz-acl");
  const tags = fields.get("tagging");
  return {
    // Header values hold one character per byte.
    ...describeFields(fields.keys(), (name) => {
      const value = fields.get(name);
      return value === undefined ? undefined : Buffer.from(value).toString("latin1");
    }),
    acl: acl === undefined ? undefined : cannedAcl(acl, allowPublicAcls),
    tags: tags === undefined ? undefined : tagsFromXml(parseXml(tags), maxObjectTags),
  };
}

/** The file with its size and its declared checksums checked at the end. */
function checkedFile(
  file: AsyncIterable<Uint8Array>,
  fields: ReadonlyMap<string, string>,
  limits: FormLimits,
  onBytes: (count: number) => void,
): { body: Body; checksums: () => Checksums } {
  const declared = [...fields].flatMap(([name, value]) => {
    const algorithm = algorithmOfHeader(name);
    if (algorithm === undefined) return [];
    if (!isChecksumValue(algorithm, value))
      throw new S3Error("InvalidRequest", `${name} is not the base64 of a ${algorithm}.`);
    return [{ algorithm, value }];
  });
  const found: Checksums = {};
  async function* checked(): Body {
    const hashers = declared.map((expected) => ({ ...expected, hasher: checksumHasher(expected.algorithm) }));
    let received = 0;
    for await (const chunk of file) {
      received += chunk.length;
      if (received > limits.maxBytes)
        throw new S3Error("EntityTooLarge", "The file is larger than the policy allows.");
      for (const { hasher } of hashers) hasher.update(chunk);
      onBytes(chunk.length);
      yield chunk;
    }
    if (received < limits.minBytes)
      throw new S3Error("EntityTooSmall", "The file is smaller than the policy allows.");
    for (const { algorithm, value, hasher } of hashers) {
      found[algorithm] = hasher.digest();
      if (found[algorithm] !== value) throw new S3Error("BadDigest");
    }
  }
  return { body: checked(), checksums: () => found };
}

function answer(
  exchange: Omit<S3Exchange, "access">,
  fields: ReadonlyMap<string, string>,
  key: string,
  etag: string,
): void {
  const { request, response } = exchange;
  const location = `http://${request.message.headers.host ?? ""}${request.rawPath.replace(/\/$/, "")}/${percentEncode(key, true)}`;
  const headers = { ETag: `"${etag}"`, Location: location };
  const redirect = fields.get("success_action_redirect") ?? fields.get("redirect") ?? "";
  if (/^https?:\/\//i.test(redirect) && URL.canParse(redirect)) {
    const query = `bucket=${percentEncode(request.bucket, false)}&key=${percentEncode(key, false)}&etag=${percentEncode(`"${etag}"`, false)}`;
    sendEmpty(response, 303, {
      ...headers,
      Location: `${redirect}${redirect.includes("?") ? "&" : "?"}${query}`,
    });
    return;
  }
  const status = fields.get("success_action_status");
  if (status !== "201") return sendEmpty(response, status === "200" ? 200 : 204, headers);
  const content = [
    element("Location", location),
    element("Bucket", request.bucket),
    element("Key", key),
    element("ETag", `"${etag}"`),
  ];
  sendXml(response, 201, "PostResponse", content, headers);
}
