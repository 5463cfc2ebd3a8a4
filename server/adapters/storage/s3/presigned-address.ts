import { createHash, createHmac } from "node:crypto";
import type { ExternalBucket } from "./connection.ts";

/** How long an address works when nothing else is said; a download that has begun goes on. */
const usualSeconds = 900;

/** What signs an address. */
export interface AddressSigner {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

/**
 * An address that gives an object of the external bucket to anybody who has it, for 15 minutes or as long as is said (a week at most): Signature Version 4
 * in the query, as Amazon's documentation of presigned requests defines it. `parameters` are added signed.
 */
export function presignedAddress(
  external: Pick<ExternalBucket, "bucket" | "endpoint" | "region" | "pathStyle">,
  name: string,
  parameters: ReadonlyMap<string, string>,
  signer: AddressSigner,
  nowMs: number,
  validSeconds = usualSeconds,
): string {
  const { host, origin, path } = placeOf(external);
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const scope = `${time.slice(0, 8)}/${external.region}/s3/aws4_request`;
  const query = new Map([
    ...parameters,
    ["X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
    ["X-Amz-Credential", `${signer.accessKeyId}/${scope}`],
    ["X-Amz-Date", time],
    ["X-Amz-Expires", String(validSeconds)],
    ["X-Amz-SignedHeaders", "host"],
  ]);
  if (signer.sessionToken !== undefined) query.set("X-Amz-Security-Token", signer.sessionToken);
  const queryText = [...query]
    .map(([field, value]) => `${encoded(field)}=${encoded(value)}`)
    .sort()
    .join("&");
  const whole = `${path}/${name.split("/").map(encoded).join("/")}`;
  const canonical = ["GET", whole, queryText, `host:${host}`, "", "host", "UNSIGNED-PAYLOAD"].join("\n");
  const text = ["AWS4-HMAC-SHA256", time, scope, createHash("sha256").update(canonical).digest("hex")].join(
    "\n",
  );
  const key = scope.split("/").reduce<Buffer | string>(hmac, `AWS4${signer.secretAccessKey}`);
  return `${origin}${whole}?${queryText}&X-Amz-Signature=${hmac(key, text).toString("hex")}`;
}

/** Where the bucket is: host as it is signed, origin, and what comes before a name. */
function placeOf({
  bucket,
  endpoint,
  region,
  pathStyle,
}: Pick<ExternalBucket, "bucket" | "endpoint" | "region" | "pathStyle">): {
  host: string;
  origin: string;
  path: string;
} {
  const { protocol, host, pathname } = new URL(endpoint ?? `https://s3.${region}.amazonaws.com`);
  const folder = pathname.replace(/\/+$/, "");
  const named = pathStyle ? host : `${bucket}.${host}`;
  return { host: named, origin: `${protocol}//${named}`, path: pathStyle ? `${folder}/${bucket}` : folder };
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
