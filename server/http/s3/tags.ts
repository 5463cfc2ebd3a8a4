import { Buffer } from "node:buffer";
import type { Tags } from "../../adapters/storage/storage.ts";
import { S3Error } from "./s3-errors.ts";
import { queryPairs } from "./s3-request.ts";
import { childElement, childText, type Content, element, type XmlElement } from "./s3-xml.ts";

/** S3's limits. */
export const maxObjectTags = 10;
/** S3's limit. */
export const maxBucketTags = 50;
const maxNameLength = 128;
const maxValueLength = 256;

/** Tags from the form `a=1&b=2` of the header x-amz-tagging; throws InvalidTag. */
export function tagsFromHeader(header: string): Tags {
  return checkedTags(queryPairs(header), maxObjectTags);
}

/** Tags from a `Tagging` document; throws MalformedXML or InvalidTag. */
export function tagsFromXml(document: XmlElement, limit: number): Tags {
  const set = childElement(document, "TagSet");
  if (document.name !== "Tagging" || set === undefined) throw new S3Error("MalformedXML");
  const pairs = set.children.map((tag): [string, string] => {
    const name = childText(tag, "Key");
    if (tag.name !== "Tag" || name === undefined) throw new S3Error("MalformedXML");
    return [name, childText(tag, "Value") ?? ""];
  });
  return checkedTags(pairs, limit);
}

/** By name, as every answer lists them. */
function checkedTags(pairs: [name: string, value: string][], limit: number): Tags {
  if (pairs.length > limit) throw new S3Error("InvalidTag", `There can be at most ${limit} tags.`);
  for (const [name, value] of pairs) {
    if (name === "" || name.length > maxNameLength || value.length > maxValueLength) {
      const limits = `A tag has a name of 1 to ${maxNameLength} and a value of at most ${maxValueLength} characters.`;
      throw new S3Error("InvalidTag", limits);
    }
  }
  if (new Set(pairs.map(([name]) => name)).size < pairs.length)
    throw new S3Error("InvalidTag", "Two tags have the same name.");
  return pairs.sort(([left], [right]) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
}

/** What a `Tagging` document holds. */
export function tagsContent(tags: Tags): Content {
  const entries = tags.map(([name, value]) =>
    element("Tag", [element("Key", name), element("Value", value)]),
  );
  return element("TagSet", entries);
}
