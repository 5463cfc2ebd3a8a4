import type { ObjectInfo } from "../../adapters/storage/storage.ts";
import { checksumElements } from "./multipart-operations.ts";
import { pageSize } from "./list-operations.ts";
import { findPart, partCount } from "./object-parts.ts";
import { S3Error } from "./s3-errors.ts";
import type { S3Exchange } from "./s3-exchange.ts";
import { headerOf, type S3Request } from "./s3-request.ts";
import { sendXml } from "./s3-response.ts";
import { type Content, element } from "./s3-xml.ts";

const attributeNames = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"] as const;

/** GetObjectAttributes: what x-amz-object-attributes names, the parts page by page. */
export async function getObjectAttributes(exchange: S3Exchange): Promise<void> {
  const { request, response, access, storage } = exchange;
  const key = await access.storedKey(request.bucket, request.key, "read");
  const wanted = wantedAttributes(request);
  const info = await storage.headObject(request.bucket, key);
  if (info === null) throw new S3Error("NoSuchKey");
  const content: Record<(typeof attributeNames)[number], Content> = {
    ETag: element("ETag", info.etag),
    Checksum: checksumContent(info),
    ObjectParts: info.partRuns.length === 0 ? null : element("ObjectParts", partsContent(request, info)),
    StorageClass: element("StorageClass", "STANDARD"),
    ObjectSize: element("ObjectSize", info.sizeBytes),
  };
  sendXml(
    response,
    200,
    "GetObjectAttributesResponse",
    attributeNames.filter((name) => wanted.has(name)).map((name) => content[name]),
    { "Last-Modified": new Date(info.lastModifiedMs).toUTCString() },
  );
}

function wantedAttributes(request: S3Request): Set<string> {
  const names = (headerOf(request.message, "x-amz-object-attributes") ?? "")
    .split(",")
    .map((name) => name.trim());
  const known: readonly string[] = attributeNames;
  if (!names.every((name) => known.includes(name)))
    throw new S3Error(
      "InvalidArgument",
      `x-amz-object-attributes must name some of ${attributeNames.join(", ")}.`,
    );
  return new Set(names);
}

function checksumContent({ checksums, checksumType }: ObjectInfo): Content {
  if (Object.keys(checksums).length === 0) return null;
  return element("Checksum", [...checksumElements(checksums), element("ChecksumType", checksumType)]);
}

function partsContent({ message }: S3Request, info: ObjectInfo): Content[] {
  const count = partCount(info);
  const maxParts = pageSize(headerOf(message, "x-amz-max-parts"), "x-amz-max-parts");
  const marker = Number(headerOf(message, "x-amz-part-number-marker") ?? 0);
  if (!Number.isInteger(marker) || marker < 0)
    throw new S3Error("InvalidArgument", "x-amz-part-number-marker must be a number of a part.");
  const last = Math.min(count, marker + maxParts);
  const parts: Content[] = [];
  for (let number = marker + 1; number <= last; number++) {
    const part = findPart(info, number);
    if (part === null) break;
    const { sizeBytes, checksums } = part;
    const fields = [
      element("PartNumber", number),
      element("Size", sizeBytes),
      ...checksumElements(checksums),
    ];
    parts.push(element("Part", fields));
  }
  return [
    element("PartsCount", count),
    element("PartNumberMarker", marker),
    element("NextPartNumberMarker", Math.max(last, marker)),
    element("MaxParts", maxParts),
    element("IsTruncated", last < count),
    ...parts,
  ];
}
