import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** Seals values for the disk and signs tokens, all with keys derived from one 32-byte master key. */
export interface SecretBox {
  /** Encrypts and authenticates; the text starts with `sealed:v1:`. */
  seal(plain: string): string;
  /** Opens what {@link seal} made; throws when the text was changed or another key made it. */
  open(sealed: string): string;
  /** HMAC-SHA256 of the parts under a key for this purpose, as base64url. */
  sign(purpose: string, parts: readonly string[]): string;
  /** Compares a signature in constant time. */
  verify(purpose: string, parts: readonly string[], signature: string): boolean;
}

const prefix = "sealed:v1:";

/** Makes the box of a master key of 32 bytes. AES-256-GCM, a fresh 12-byte nonce each time. */
export function secretBox(masterKey: Buffer): SecretBox {
  const derive = (purpose: string) => createHmac("sha256", masterKey).update(`key:${purpose}`).digest();
  const sealKey = derive("seal");
  const sign = (purpose: string, parts: readonly string[]) =>
    createHmac("sha256", derive(`sign:${purpose}`))
      .update(JSON.stringify(parts))
      .digest("base64url");
  return {
    seal(plain) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", sealKey, nonce);
      const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
      return prefix + Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url");
    },
    open(sealed) {
      const bytes = Buffer.from(sealed.slice(prefix.length), "base64url");
      const decipher = createDecipheriv("aes-256-gcm", sealKey, bytes.subarray(0, 12));
      decipher.setAuthTag(bytes.subarray(12, 28));
      return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8");
    },
    sign,
    verify(purpose, parts, signature) {
      return isSameSecret(sign(purpose, parts), signature);
    },
  };
}

/** Compares in a time that tells nothing but the length. */
export function isSameSecret(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** True for text that {@link SecretBox.seal} made. */
export function isSealed(value: unknown): value is string {
  return typeof value === "string" && value.startsWith(prefix);
}

/** Field names whose values are secrets in trainer configurations (SimpleTuner's own and its publishers'). */
const secretField =
  /(^|_)(token|secret|password|api_key|access_key|secret_key|private_key|access_key_id|secret_access_key|hf_token|hub_token)$/i;

/** True for a field whose text is a secret; leading dashes do not count. */
export function isSecretField(name: string): boolean {
  return secretField.test(name.replace(/^--/, ""));
}

/** Walks a JSON value and replaces each secret string with what `replace` makes of it. */
export function mapSecretFields(value: unknown, replace: (secret: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => mapSecretFields(item, replace));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      const secret = typeof item === "string" && item !== "" && isSecretField(name);
      return [name, secret ? replace(item) : mapSecretFields(item, replace)];
    }),
  );
}

/** Tells keys apart without telling anything of them. */
export function keyFingerprint(box: SecretBox): string {
  return box.sign("fingerprint", []).slice(0, 16);
}
