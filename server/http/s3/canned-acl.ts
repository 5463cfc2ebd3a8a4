import type { IncomingMessage } from "node:http";
import type { CannedAcl } from "../../adapters/storage/storage.ts";
import { ownerContent, ownerId } from "./owner.ts";
import { S3Error } from "./s3-errors.ts";
import { headerOf } from "./s3-request.ts";
import { childElement, childText, type Content, element, type Markup, type XmlElement } from "./s3-xml.ts";

/**
 * The words of `x-amz-acl`. There is one owner here, so that what S3 gives to the bucket's owner is private;
 * `authenticated-read` is kept and answered but opens nothing, since every key has its own area.
 */
const cannedAcls: Record<string, CannedAcl> = {
  private: "private",
  "bucket-owner-read": "private",
  "bucket-owner-full-control": "private",
  "public-read": "public-read",
  "public-read-write": "public-read-write",
  "authenticated-read": "authenticated-read",
};

/**
 * The access list that the headers ask for, undefined when they do not. Throws InvalidArgument for a word that does
 * not exist, NotImplemented for single grants, AccessDenied for a list that opens more than `allowPublic` allows.
 */
export function cannedAclOf(message: IncomingMessage, allowPublic: boolean): CannedAcl | undefined {
  const single = Object.keys(message.headers).find((name) => name.startsWith("x-amz-grant-"));
  if (single !== undefined) throw new S3Error("NotImplemented", `This server does not offer ${single}.`);
  const word = headerOf(message, "x-amz-acl");
  return word === undefined ? undefined : cannedAcl(word, allowPublic);
}

/** As {@link cannedAclOf}, for one word. */
export function cannedAcl(word: string, allowPublic: boolean): CannedAcl {
  const acl = Object.hasOwn(cannedAcls, word) ? cannedAcls[word] : undefined;
  if (acl === undefined)
    throw new S3Error("InvalidArgument", "x-amz-acl is none of the canned access lists.");
  return allowedAcl(acl, allowPublic);
}

/** `acl` itself; as with S3's Block Public Access, one that is more than private is refused unless allowed. */
export function allowedAcl(acl: CannedAcl, allowPublic: boolean): CannedAcl {
  if (acl === "private" || allowPublic) return acl;
  throw new S3Error(
    "AccessDenied",
    "This server takes only private access lists. Use presigned URLs to share.",
  );
}

/** True when anybody may read. */
export function isPublicRead(acl: CannedAcl | undefined): boolean {
  return acl === "public-read" || acl === "public-read-write";
}

type Grant = readonly [group: "AllUsers" | "AuthenticatedUsers", permission: "READ" | "WRITE"];

const grantsOf: Record<CannedAcl, readonly Grant[]> = {
  private: [],
  "public-read": [["AllUsers", "READ"]],
  "public-read-write": [
    ["AllUsers", "READ"],
    ["AllUsers", "WRITE"],
  ],
  "authenticated-read": [["AuthenticatedUsers", "READ"]],
};

const groupsUri = "http://acs.amazonaws.com/groups/global/";

/** What AccessControlPolicy holds for a list: the owner, who may do everything, and the groups. */
export function aclContent(acl: CannedAcl): Content {
  const groups = grantsOf[acl].map(([group, permission]) =>
    grant("Group", element("URI", groupsUri + group), permission),
  );
  return [
    element("Owner", ownerContent),
    element("AccessControlList", [...groups, grant("CanonicalUser", ownerContent, "FULL_CONTROL")]),
  ];
}

function grant(type: string, grantee: Content, permission: string): Markup {
  const attributes = ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="${type}"`;
  return element("Grant", [element("Grantee", grantee, attributes), element("Permission", permission)]);
}

/** The canned list that an AccessControlPolicy spells out; NotImplemented when it is none. */
export function aclFromPolicy(document: XmlElement): CannedAcl {
  const list = childElement(document, "AccessControlList");
  if (document.name !== "AccessControlPolicy" || list === undefined) throw new S3Error("MalformedACLError");
  const given = list.children.map((entry) => {
    const grantee = childElement(entry, "Grantee");
    const permission = childText(entry, "Permission")?.trim() ?? "";
    if (entry.name !== "Grant" || grantee === undefined || permission === "")
      throw new S3Error("MalformedACLError");
    return `${(childText(grantee, "URI") ?? childText(grantee, "ID") ?? "").trim()} ${permission}`;
  });
  const wanted = [...new Set(given)].sort().join();
  for (const acl of Object.values(cannedAcls)) {
    const groups = grantsOf[acl].map(([group, permission]) => `${groupsUri}${group} ${permission}`);
    if ([...groups, `${ownerId} FULL_CONTROL`].sort().join() === wanted) return acl;
  }
  throw new S3Error("NotImplemented", "This server offers the canned access lists only.");
}
