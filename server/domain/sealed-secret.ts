import { createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from "node:crypto";
import { type KeyRing, type MasterKey, masterKey } from "./key-ring.ts";

/** Seals values for the disk and signs tokens, all with keys derived from 32-byte master keys. */
export interface SecretBox {
  /** Encrypts and authenticates; the text starts with `sealed:v2:` and the id of the key. */
  seal(plain: string): string;
  /** Opens what {@link seal} made under any key of the ring; throws when it was changed or another key made it. */
  open(sealed: string): string;
  /** HMAC-SHA256 of the parts under a key for this purpose, as base64url. */
  sign(purpose: string, parts: readonly string[]): string;
  /** Compares a signature, of any key of the ring, in constant time. */
  verify(purpose: string, parts: readonly string[], signature: string): boolean;
  /** Id of the key that seals now; tells keys apart without telling anything of them. */
  keyId(): string;
  /** Whether what the key of this id sealed can be opened. */
  holds(keyId: string): boolean;
}

const pattern = /^sealed:(?:v1|v2:([\w-]{16})):([\w-]*)$/;

/** A box of one master key, or of the keys of a ring. AES-256-GCM, a fresh 12-byte nonce each time. */
export function secretBox(keys: Buffer | KeyRing): SecretBox {
  const ring = Buffer.isBuffer(keys) ? fixedRing(masterKey(keys)) : keys;
  const known = (id: string) => ring.all().some((key) => key.id === id);
  return {
    seal: (plain) => sealedWith(ring.current(), plain),
    open(sealed) {
      const match = pattern.exec(sealed);
      if (!match) throw new Error("This is no sealed text.");
      const [, keyId, text = ""] = match;
      const bytes = Buffer.from(text, "base64url");
      // A key that came while this process ran.
      if (keyId !== undefined && !known(keyId)) ring.refresh();
      const tried = ring.all().filter(({ id }) => keyId === undefined || id === keyId);
      for (const key of tried) {
        const plain = openedWith(key, bytes);
        if (plain !== null) return plain;
      }
      throw new Error(`It was changed, or sealed with ${keyId ?? "a key"} that is not here.`);
    },
    sign: (purpose, parts) => ring.current().sign(purpose, parts),
    verify: (purpose, parts, signature) =>
      ring.all().some((key) => isSameSecret(key.sign(purpose, parts), signature)),
    keyId: () => ring.current().id,
    holds: known,
  };
}

function fixedRing(key: MasterKey): KeyRing {
  return { current: () => key, all: () => [key], refresh: () => undefined };
}

function sealedWith({ id, sealKey }: MasterKey, plain: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", sealKey, nonce);
  const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
  return `sealed:v2:${id}:${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url")}`;
}

/** Null when another key sealed it, or it was changed. */
function openedWith({ sealKey }: MasterKey, bytes: Buffer): string | null {
  // A shortened tag would be accepted as one of its length.
  if (bytes.length < 28) return null;
  try {
    const decipher = createDecipheriv("aes-256-gcm", sealKey, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(12, 28));
    return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString("utf8");
  } catch {
    return null;
  }
}

/** Compares in a time that tells nothing but the length. */
export function isSameSecret(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** True for text that {@link SecretBox.seal} of this or an earlier release made. */
export function isSealed(value: unknown): value is string {
  return typeof value === "string" && pattern.test(value);
}

/** Id of the key that sealed a text; null for one of the first release, which does not say. */
export function sealingKeyId(sealed: string): string | null {
  return pattern.exec(sealed)?.[1] ?? null;
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
