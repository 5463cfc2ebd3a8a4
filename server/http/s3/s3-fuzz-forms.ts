import { createHmac } from "node:crypto";
import { type Dice, scrambled } from "./s3-fuzz-dice.ts";
import type { FuzzRequest, FuzzTarget } from "./s3-fuzz-requests.ts";
import { amzDate, scopeOf, signingKey } from "./s3-fuzz-signing.ts";

const boundary = "----fuzz";

/** How a form is spoilt; all but `noise` and `framing` must be refused. */
const faults = [
  "policy",
  "signature",
  "credential",
  "key",
  "bucket",
  "late",
  "extra",
  "noise",
  "framing",
] as const;

/** An upload with a form as browsers send it, its policy signed by the job. */
export function makeForm(dice: Dice, target: FuzzTarget, isSpoilt: boolean): FuzzRequest {
  const { port, pathPrefix, nowMs, world } = target;
  const fault = isSpoilt ? dice.pick(faults) : null;
  const dateTime = amzDate(nowMs);
  const scope = scopeOf(dateTime);
  const policy = Buffer.from(
    JSON.stringify({
      expiration: new Date(nowMs + (fault === "late" ? -60_000 : 600_000)).toISOString(),
      conditions: [
        { bucket: "outputs" },
        ["starts-with", "$key", "form/"],
        ["content-length-range", 0, 10_000],
        { "x-amz-credential": `${world.job.id}/${scope}` },
        { "x-amz-algorithm": "AWS4-HMAC-SHA256" },
        { "x-amz-date": dateTime },
      ],
    }),
  ).toString("base64");
  const signature = createHmac("sha256", signingKey(world.job.secret, scope)).update(policy).digest("hex");
  const fields: Record<string, string> = {
    key: fault === "key" ? "elsewhere" : `form/${dice.pick(["a", "${filename}", "..", "x%00"])}`,
    policy: fault === "policy" ? policy.replace(/.$/, "A") + "AAAA" : policy,
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": `${fault === "credential" ? world.owner.id : world.job.id}/${scope}`,
    "x-amz-date": dateTime,
    "x-amz-signature":
      fault === "signature" ? signature.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")) : signature,
    ...(fault === "extra" && { "x-amz-meta-extra": "1" }),
  };
  const parts = Object.entries(fields).map(
    ([name, value]) => `Content-Disposition: form-data; name="${name}"\r\n\r\n${value}`,
  );
  const file = `Content-Disposition: form-data; name="file"; filename="${dice.pick(["f.bin", "../../x", "é", ""])}"\r\n\r\n${dice.bytes(dice.below(3_000)).toString("latin1")}`;
  let text = [...parts, file].map((part) => `--${boundary}\r\n${part}\r\n`).join("") + `--${boundary}--\r\n`;
  if (fault === "noise") text = scrambled(dice, text);
  if (fault === "framing") text = text.slice(0, dice.below(text.length));
  const body = Buffer.from(text, "latin1");
  const bucket = fault === "bucket" ? "own-bucket" : "outputs";
  const head = [
    `POST ${pathPrefix}/${bucket} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    `Content-Type: multipart/form-data; boundary=${boundary}`,
    `Content-Length: ${body.length}`,
  ];
  return {
    operation: "PostForm",
    changes: fault === null ? [] : [`form: ${fault}`],
    head: Buffer.from(`${head.join("\r\n")}\r\n\r\n`, "latin1"),
    body,
    mustFail:
      fault === null || fault === "noise" || fault === "framing" ? null : `a form with another ${fault}`,
    isWhole: true,
    isUntouched: fault === null,
    expectsContinue: false,
    cutAfterBytes: null,
  };
}
