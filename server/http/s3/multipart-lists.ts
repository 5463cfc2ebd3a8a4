import type { UploadInfo } from "../../adapters/storage/storage.ts";
import { pageSize } from "./list-operations.ts";
import { ownerContent } from "./owner.ts";
import { checksumElements, requireUpload, uploadRef } from "./multipart-operations.ts";
import { S3Error } from "./s3-errors.ts";
import type { S3Exchange } from "./s3-exchange.ts";
import { percentEncode } from "./s3-request.ts";
import { sendXml } from "./s3-response.ts";
import { type Content, element, type Markup } from "./s3-xml.ts";

/** ListParts. */
export async function listParts(exchange: S3Exchange): Promise<void> {
  const { request, response, storage } = exchange;
  const ref = await uploadRef(exchange, "read");
  const upload = await requireUpload(exchange, ref);
  const marker = Number(request.query.get("part-number-marker") ?? 0) || 0;
  const maxParts = pageSize(request.query.get("max-parts"), "max-parts");
  const rest = (await storage.listParts(ref)).filter((part) => part.partNumber > marker);
  const page = rest.slice(0, maxParts);
  sendXml(response, 200, "ListPartsResult", [
    element("Bucket", request.bucket),
    element("Key", request.key),
    element("UploadId", ref.uploadId),
    element("Initiator", ownerContent),
    element("Owner", ownerContent),
    element("StorageClass", "STANDARD"),
    element("PartNumberMarker", marker),
    element("NextPartNumberMarker", page.at(-1)?.partNumber ?? marker),
    element("MaxParts", maxParts),
    element("IsTruncated", rest.length > page.length),
    ...checksumFields(upload),
    ...page.map((part) =>
      element("Part", [
        element("PartNumber", part.partNumber),
        element("LastModified", new Date(part.lastModifiedMs).toISOString()),
        element("ETag", `"${part.etag}"`),
        element("Size", part.sizeBytes),
        ...checksumElements(part.checksums),
      ]),
    ),
  ]);
}

/** ListMultipartUploads, by key and age; without grouping by a delimiter. */
export async function listUploads(exchange: S3Exchange): Promise<void> {
  const { request, response, access, storage } = exchange;
  const { bucket, query } = request;
  const prefix = query.get("prefix") ?? "";
  const view = await access.listView(bucket, prefix);
  if (view.areas) throw new S3Error("AccessDenied");
  const maxUploads = pageSize(query.get("max-uploads"), "max-uploads");
  const encode = query.get("encoding-type") === "url" ? encodeKey : (text: string): string => text;
  const shown = (upload: UploadInfo): string => upload.key.slice(view.hiddenPrefix.length);
  const all = await storage.listUploads(bucket, view.storedPrefix);
  const rest = all.slice(firstAfterMarker(all.map(shown), all, query));
  const page = rest.slice(0, maxUploads);
  const last = page.at(-1);
  sendXml(response, 200, "ListMultipartUploadsResult", [
    element("Bucket", bucket),
    element("KeyMarker", encode(query.get("key-marker") ?? "")),
    element("UploadIdMarker", query.get("upload-id-marker") ?? ""),
    element("NextKeyMarker", last === undefined ? "" : encode(shown(last))),
    element("NextUploadIdMarker", last?.uploadId ?? ""),
    element("Prefix", encode(prefix)),
    element("MaxUploads", maxUploads),
    element("IsTruncated", rest.length > page.length),
    ...page.map((upload) => uploadElement(upload, encode(shown(upload)))),
  ]);
}

function encodeKey(text: string): string {
  return percentEncode(text, true);
}

/** The list is ordered, so it goes on behind the upload that the markers name. */
function firstAfterMarker(
  keys: readonly string[],
  uploads: readonly UploadInfo[],
  query: ReadonlyMap<string, string>,
): number {
  const keyMarker = query.get("key-marker") ?? "";
  if (keyMarker === "") return 0;
  const marked = uploads.findIndex((upload) => upload.uploadId === query.get("upload-id-marker"));
  if (marked >= 0) return marked + 1;
  const next = keys.findIndex((key) => Buffer.compare(Buffer.from(key), Buffer.from(keyMarker)) > 0);
  return next < 0 ? keys.length : next;
}

function uploadElement(upload: UploadInfo, key: string): Markup {
  return element("Upload", [
    element("Key", key),
    element("UploadId", upload.uploadId),
    element("Initiator", ownerContent),
    element("Owner", ownerContent),
    element("StorageClass", "STANDARD"),
    element("Initiated", new Date(upload.createdMs).toISOString()),
    ...checksumFields(upload),
  ]);
}

function checksumFields({ checksumAlgorithm, checksumType }: UploadInfo): Content[] {
  if (checksumAlgorithm === null) return [];
  return [element("ChecksumAlgorithm", checksumAlgorithm), element("ChecksumType", checksumType)];
}
