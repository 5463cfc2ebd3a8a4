import { type Dice, scrambled } from "./s3-fuzz-dice.ts";
import type { Draft } from "./s3-fuzz-drafts.ts";
import type { HttpHead } from "./s3-fuzz-signing.ts";

/** Names of parameters that mean something to S3 or once did. */
const parameterNames = [
  "acl",
  "tagging",
  "uploads",
  "uploadId",
  "partNumber",
  "versionId",
  "attributes",
  "delete",
  "list-type",
  "prefix",
  "delimiter",
  "max-keys",
  "marker",
  "start-after",
  "continuation-token",
  "encoding-type",
  "location",
  "versions",
  "legal-hold",
  "policy",
  "cors",
  "append",
  "rename",
  "x-id",
  "response-content-type",
  "response-expires",
  "X-Amz-Signature",
  "X-Amz-Expires",
  "AWSAccessKeyId",
  "Signature",
  "__proto__",
  "constructor",
  "max-parts",
  "fetch-owner",
] as const;

const parameterValues = [
  "",
  "0",
  "-1",
  "1",
  "10000",
  "10001",
  "99999999999999999999",
  "1.5",
  "abc",
  "%00",
  "%0d%0aX-Evil:%201",
  "%FF",
  "%zz",
  "..%2F..%2F",
  "%2Fetc%2Fpasswd",
  "null",
  "%E6%97%A5",
  "%F0%9F%8E%88",
  "a".repeat(3_000),
  "%3Cx%3E",
  "+",
  "true",
  "2",
  "url",
  "%ED%A0%80",
] as const;

/** Headers that a server might act on, with values that hurt. */
const oddHeaders: readonly [string, string][] = [
  ["Range", "bytes=-0"],
  ["Range", "bytes=5-2"],
  ["Range", "bytes=0-99999999999999999999"],
  ["Range", "bytes=a-b"],
  ["Range", `bytes=${"0-0,".repeat(500)}1-1`],
  ["Range", "items=0-1"],
  ["Range", "bytes="],
  ["Range", "bytes=0-"],
  ["If-Match", ""],
  ["If-None-Match", 'W/"x", *'],
  ["If-Modified-Since", "yesterday"],
  ["If-Range", '"x"'],
  ["x-amz-copy-source", "/"],
  ["x-amz-copy-source", "outputs"],
  ["x-amz-copy-source", "/outputs/../../etc/passwd"],
  ["x-amz-copy-source", "/outputs/job2/secret"],
  ["x-amz-copy-source", "%zz/%00"],
  ["x-amz-copy-source", "/outputs/a?versionId=x"],
  ["x-amz-copy-source-range", "bytes=9-1"],
  ["x-amz-copy-source-if-modified-since", "x"],
  ["x-amz-metadata-directive", "MAYBE"],
  ["x-amz-meta-", "no name"],
  ["x-amz-meta-a", "\u00ff\u0080"],
  ["x-amz-meta-a", "=?UTF-8?B?4pi6?="],
  ["x-amz-meta-__proto__", "x"],
  ["x-amz-meta-long", "m".repeat(3_000)],
  ["x-amz-tagging", "a=1&a=2"],
  ["x-amz-tagging", "%zz"],
  ["x-amz-tagging", "&&&="],
  ["x-amz-acl", "public-read-write"],
  ["x-amz-acl", "toString"],
  ["x-amz-grant-read", "id=x"],
  ["x-amz-storage-class", "GLACIER"],
  ["x-amz-checksum-crc32", "AAAAAA=="],
  ["x-amz-checksum-crc32", "x"],
  ["x-amz-checksum-sha256", "é"],
  ["x-amz-checksum-algorithm", "MD5"],
  ["x-amz-sdk-checksum-algorithm", "CRC32"],
  ["x-amz-checksum-type", "COMPOSITE"],
  ["x-amz-trailer", "x-amz-checksum-crc32"],
  ["x-amz-trailer", ",,;"],
  ["x-amz-decoded-content-length", "-1"],
  ["x-amz-decoded-content-length", "1e3"],
  ["x-amz-content-sha256", "UNSIGNED-PAYLOAD"],
  ["x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"],
  ["x-amz-content-sha256", "x"],
  ["x-amz-date", "20261301T000000Z"],
  ["Date", "never"],
  ["x-amz-security-token", "x"],
  ["x-amz-mp-object-size", "x"],
  ["x-amz-server-side-encryption-customer-key", "x"],
  ["x-amz-object-lock-mode", "x"],
  ["x-amz-website-redirect-location", "/"],
  ["Content-Type", "multipart/form-data; boundary=x"],
  ["Content-Type", "\u00e9\u0080"],
  ["Content-MD5", "x"],
  ["Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="],
  ["Content-Encoding", "aws-chunked, gzip"],
  ["Expect", "200-maybe"],
  ["Expect", "100-continue"],
  ["Accept", "application/json"],
  ["Accept", "*/*;q=\u00ff"],
  ["Accept-Encoding", "zstd"],
  ["Host", "outputs.example.com"],
  ["Host", ""],
  ["Host", "a b"],
  ["Origin", "http://evil"],
  ["Origin", "http://\u00ff"],
  ["Access-Control-Request-Headers", "x".repeat(2_000)],
  ["Upgrade", "h2c"],
  ["Connection", "upgrade"],
  ["Connection", "close"],
  ["X-Upload-Token", "guess"],
  ["X-SimpleTuner-Secret", ""],
  ["Authorization", "Bearer x"],
  ["Authorization", "AWS x:y"],
  ["Authorization", "AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature="],
  ["X-HTTP-Method-Override", "DELETE"],
  ["X-Forwarded-Host", "x"],
  ["Cookie", "c".repeat(5_000)],
  ["x-amz-if-match-size", "x"],
  ["x-amz-object-attributes", "Nothing"],
  ["x-amz-max-parts", "-1"],
  ["x-amz-part-number-marker", "x"],
  ["x-amz-create-session-mode", "x"],
];

/** What stands in a document's place, or goes into one. */
const oddXml = [
  "",
  "<",
  "<a",
  "<a>",
  "</a>",
  "<a></b>",
  "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><Delete><Object><Key>&x;</Key></Object></Delete>",
  "&#0;",
  "&#xD800;",
  "&#x110000;",
  "&#99999999;",
  "&unknown;",
  "<![CDATA[<Key>]]>",
  "<!-- -->",
  "<?x?>",
  "\u0000",
  "\u00ff\u00fe",
  "<Key/>",
  "<Key></Key>",
  "<Object><Key>a</Key><Key>b</Key></Object>",
  "<VersionId>x</VersionId>",
  "<ETag>*</ETag>",
  "<Size>1e9</Size>",
  "<LastModifiedTime>x</LastModifiedTime>",
  "<PartNumber>0</PartNumber>",
  "<PartNumber>1e1</PartNumber>",
  "<PartNumber>99999999999999999999</PartNumber>",
  "<ChecksumCRC32>AAAAAA==</ChecksumCRC32>",
  "<Quiet>yes</Quiet>",
  "<x>".repeat(50),
  "<Tag><Key>k0</Key><Value/></Tag>",
  "<a ".repeat(2_000),
  `<Part><PartNumber>2</PartNumber><ETag>"x"</ETag></Part>`,
  "<Permission>READ</Permission>",
  "<AllowedOrigin>**</AllowedOrigin>",
  "<MaxAgeSeconds>-1</MaxAgeSeconds>",
  "<Key>\u0001&#1;</Key>",
  "<Key>__proto__</Key>",
];

const methods = "GET HEAD PUT POST DELETE PATCH OPTIONS TRACE PROPFIND COPY BREW".split(" ");

const draftMutations: Record<string, (dice: Dice, draft: Draft) => void> = {
  path: (dice, draft) => void (draft.path = scrambled(dice, draft.path)),
  query(dice, draft) {
    const value = dice.chance(0.5) ? null : dice.pick(parameterValues);
    draft.query = [...draft.query, [dice.pick(parameterNames), value]];
  },
  parameter(dice, draft) {
    draft.query = draft.query.map(([name, value]) => [
      name,
      dice.chance(0.6) ? dice.pick(parameterValues) : value,
    ]);
  },
  header: (dice, draft) => void (draft.headers = [...draft.headers, dice.pick(oddHeaders)]),
  "drop header": (_, draft) => void (draft.headers = draft.headers.slice(0, -1)),
  "header value"(dice, draft) {
    draft.headers = draft.headers.map(([name, value]) => [
      name,
      dice.chance(0.5) ? scrambled(dice, value) : value,
    ]);
  },
  xml: (dice, draft) => void (draft.content = mutatedXml(dice, draft.content)),
  content(dice, draft) {
    draft.content = Buffer.from(scrambled(dice, draft.content.toString("latin1")), "latin1");
  },
  method: (dice, draft) => void (draft.method = dice.pick(methods)),
};

const draftKinds = Object.keys(draftMutations);

/** Changes one thing of a draft; what comes out is signed, so that it reaches all code behind the signature. */
export function mutateDraft(dice: Dice, draft: Draft): string {
  const isXml = draft.content[0] === 0x3c;
  const kind =
    isXml && dice.chance(0.4) ? "xml" : dice.pick(draftKinds.filter((name) => isXml || name !== "xml"));
  draftMutations[kind]?.(dice, draft);
  return kind;
}

function mutatedXml(dice: Dice, content: Buffer): Buffer {
  const text = content.toString("latin1");
  const at = dice.below(text.length + 1);
  const tags = [...text.matchAll(/<[^>]*>/g)];
  const odd = dice.pick(oddXml);
  switch (dice.below(5)) {
    case 0:
      return Buffer.from(odd, "latin1");
    case 1:
      return Buffer.from(text.slice(0, at), "latin1");
    case 2:
      return Buffer.from(text.slice(0, at) + odd + text.slice(at), "latin1");
    case 3: {
      if (tags.length === 0) return content;
      const tag = dice.pick(tags);
      return Buffer.from(text.slice(0, tag.index) + odd + text.slice(tag.index + tag[0].length), "latin1");
    }
    default: {
      if (tags.length === 0) return content;
      const tag = dice.pick(tags);
      return Buffer.from(text.slice(0, tag.index) + odd + text.slice(tag.index), "latin1");
    }
  }
}

/** Changes one thing of a head after it was signed. */
export function mutateHead(dice: Dice, head: HttpHead): string {
  const kind = dice.pick([
    "target",
    "target",
    "method",
    "header value",
    "header value",
    "add",
    "drop",
    "double",
    "credential",
  ]);
  const at = dice.below(head.headers.length);
  const [name = "", value = ""] = head.headers[at] ?? [];
  // Its length belongs to the framing, which is spoilt elsewhere.
  const isFraming = /^(content-length|transfer-encoding)$/i.test(name);
  switch (kind) {
    case "target":
      head.target = scrambled(dice, head.target);
      break;
    case "method":
      head.method = dice.pick(
        ["GET", "PUT", "DELETE", "POST", "HEAD"].filter((other) => other !== head.method),
      );
      break;
    case "header value":
      if (!isFraming) head.headers[at] = [name, scrambled(dice, value)];
      break;
    case "add":
      head.headers.splice(at, 0, dice.pick(oddHeaders));
      break;
    case "drop":
      if (!isFraming) head.headers.splice(at, 1);
      break;
    case "double":
      if (!isFraming) head.headers.splice(at, 0, [name, dice.chance(0.5) ? value : scrambled(dice, value)]);
      break;
    default:
      mutateCredential(dice, head);
  }
  return kind;
}

/** Changes one character of what makes up the signature, wherever it stands. */
function mutateCredential(dice: Dice, head: HttpHead): void {
  const changed = (text: string): string => {
    const places = [
      ...text.matchAll(
        /(?:Signature|Credential|SignedHeaders|AWSAccessKeyId|Expires|Date|AWS )[=% ]?[^,&]*/g,
      ),
    ];
    if (places.length === 0) return text;
    const { index, 0: place } = dice.pick(places);
    const at = index + dice.below(place.length);
    const digit = text[at] === "a" ? "b" : "a";
    return text.slice(0, at) + digit + text.slice(at + 1);
  };
  const at = head.headers.findIndex(([name]) => /^(authorization|x-upload-token)$/i.test(name));
  const header = head.headers[at];
  if (header === undefined) head.target = changed(head.target);
  else head.headers[at] = [header[0], header[0] === "Authorization" ? changed(header[1]) : `${header[1]}x`];
}
