import { randomBytes } from "node:crypto";
import type { Options } from "@node-rs/argon2";
import { normalizedPassword } from "@simpletuner-cloud/contract/password-rules.ts";

/** Argon2id with 19 MiB, 2 passes and 1 lane, the least that OWASP's cheat sheet asks for; about 20 ms. */
const parameters: Options = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 };
const presentForm = "$argon2id$v=19$m=19456,t=2,p=1$";

let nobody: Promise<string> | null = null;

/** Machine code, loaded when the first password comes: a server of one person never needs it. */
const argon2 = () => import("@node-rs/argon2");

/** The hash to store, in PHC form with its own salt. */
export async function hashPassword(password: string): Promise<string> {
  const { hash } = await argon2();
  return hash(normalizedPassword(password), parameters);
}

/**
 * Whether a password is the one that was stored. Without a stored one the work is done all the same, so that the time
 * does not tell whether there is such an account. `outdated` asks for a new hash.
 */
export async function checkPassword(
  password: string,
  stored: string | null,
): Promise<{ right: boolean; outdated: boolean }> {
  nobody ??= hashPassword(randomBytes(18).toString("base64url"));
  const { verify } = await argon2();
  const right = await verify(stored ?? (await nobody), normalizedPassword(password));
  return { right: right && stored !== null, outdated: stored !== null && !stored.startsWith(presentForm) };
}
