import { createHash, randomBytes, randomInt } from "node:crypto";

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** A secret for a session or an invitation: 32 random bytes, safe in a URL. */
export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

/** An API key: `st_` and 32 letters and digits (CONTRACT 0.1), 190 bits. */
export function newApiKey(): string {
  return `st_${Array.from({ length: 32 }, () => letters[randomInt(letters.length)]).join("")}`;
}

/** What is shown of an API key, for telling keys apart: `st_` and 8 characters. */
export function apiKeyPrefix(key: string): string {
  return key.slice(0, 11);
}

/** True for text of the form of an API key. */
export function looksLikeApiKey(text: string): boolean {
  return /^st_[A-Za-z0-9]{32}$/.test(text);
}

/** What is stored of a secret. It is random and long, so one round of SHA-256 cannot be undone. */
export function tokenHash(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
