import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { StartError } from "./config/values.ts";

/**
 * The 32-byte master key of this state directory. Made on first use, readable by its user only from the first
 * moment, and put in place by a link that never replaces a key another process made meanwhile.
 */
export function credentialKey(path: string, env: NodeJS.ProcessEnv): Buffer {
  return keptKey(path, env, "SIMPLETUNER_CREDENTIAL_KEY");
}

/** The 32-byte key that seals the audit; kept as {@link credentialKey} is. */
export function auditKey(path: string, env: NodeJS.ProcessEnv): Buffer {
  return keptKey(path, env, "SIMPLETUNER_AUDIT_KEY");
}

/** What tells this state directory from others; made on first use, like the keys. */
export function folderMark(path: string): string {
  return keptKey(path, {}, "").toString("hex").slice(0, 16);
}

function keptKey(path: string, env: NodeJS.ProcessEnv, variable: string): Buffer {
  const given = env[variable];
  if (given) return keyOf(given.trim(), variable);
  const existing = readKey(path);
  if (existing) return existing;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.new`;
  writeFileSync(temporary, `${randomBytes(32).toString("base64")}\n`, {
    flag: "wx",
    mode: 0o600,
    flush: true,
  });
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  return readKey(path) ?? keptKey(path, env, variable);
}

function readKey(path: string): Buffer | null {
  try {
    return keyOf(readFileSync(path, "utf8").trim(), path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function keyOf(text: string, place: string): Buffer {
  const key = Buffer.from(text, "base64");
  if (key.length !== 32)
    throw new StartError(
      `${place}: the key must be 32 bytes in base64. Restore it from your backup; without it what was sealed with it cannot be read or checked.`,
    );
  return key;
}
