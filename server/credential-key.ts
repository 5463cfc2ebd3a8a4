import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { StartError } from "./config/values.ts";
import { type MasterKey, masterKey, type SharedKeyRing } from "./domain/key-ring.ts";

/** A key service may take so long to answer the command. */
const commandLimitMs = 30_000;

/** Where the keys that seal stored secrets come from. */
export interface KeyPlace {
  /** The variable or file, for a sentence. */
  readonly name: string;
  /** The file that this program writes itself; null when the keys are given from outside. */
  readonly ownFile: string | null;
  /** What is there now. Throws {@link StartError}. */
  read(): string;
  /** Changes whenever what is there may have changed. */
  stamp(): string;
}

/** Which of the three ways to give keys is used; without any they lie in the state directory. */
export function keyPlace(path: string, env: NodeJS.ProcessEnv): KeyPlace {
  const given = [
    "SIMPLETUNER_CREDENTIAL_KEY",
    "SIMPLETUNER_CREDENTIAL_KEY_FILE",
    "SIMPLETUNER_CREDENTIAL_KEY_COMMAND",
  ];
  const [name, other] = given.filter((variable) => env[variable]);
  if (other !== undefined) throw new StartError(`${name} and ${other} are both set. Keep one of them.`);
  const value = name === undefined ? "" : (env[name] ?? "");
  switch (name) {
    case "SIMPLETUNER_CREDENTIAL_KEY":
      return { name, ownFile: null, read: () => value, stamp: () => "" };
    case "SIMPLETUNER_CREDENTIAL_KEY_FILE":
      return {
        name: `${name} (${value})`,
        ownFile: null,
        read: () => textOf(value),
        stamp: () => stampOf(value),
      };
    case "SIMPLETUNER_CREDENTIAL_KEY_COMMAND":
      return { name, ownFile: null, read: () => outputOf(value), stamp: () => "" };
    default:
      return { name: path, ownFile: path, read: () => keptText(path), stamp: () => stampOf(path) };
  }
}

/**
 * The 32-byte master keys of this state directory, the one that seals first. Where none is given, one is made on first
 * use, readable by its user only from the first moment, and put in place by a link that never replaces a key another
 * process made meanwhile. A file that changes is read again.
 */
export function credentialKeys(path: string, env: NodeJS.ProcessEnv): SharedKeyRing {
  const place = keyPlace(path, env);
  let keys = ringOf(place);
  let stamp = place.stamp();
  let sealing = keys[0].id;
  const lookAgain = (): void => {
    const found = place.stamp();
    if (found === stamp) return;
    keys = ringOf(place);
    stamp = found;
    if (!keys.some(({ id }) => id === sealing)) sealing = keys[0].id;
  };
  return {
    current: () => keys.find(({ id }) => id === sealing) ?? keys[0],
    all: () => keys,
    lookAgain,
    refresh() {
      try {
        lookAgain();
      } catch {
        // Whoever looks again by itself tells of it; what was held stays.
      }
    },
    agree(heldByAll) {
      sealing = (keys.find(({ id }) => heldByAll.has(id)) ?? keys[0]).id;
    },
  };
}

/** The 32-byte key that seals the audit; made as {@link credentialKeys} are. */
export function auditKey(path: string, env: NodeJS.ProcessEnv): Buffer {
  const given = env["SIMPLETUNER_AUDIT_KEY"];
  return given ? keyOf(given.trim(), "SIMPLETUNER_AUDIT_KEY") : keyOf(keptText(path).trim(), path);
}

/** What tells this state directory from others; made on first use, like the keys. */
export function folderMark(path: string): string {
  return keyOf(keptText(path).trim(), path).toString("hex").slice(0, 16);
}

/** Keys in a text, one a line or with commas between them; `#` begins a line that is none. */
export function keysIn(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => !line.trim().startsWith("#"))
    .join("\n")
    .split(/[\s,]+/)
    .filter(Boolean);
}

function ringOf(place: KeyPlace): [MasterKey, ...MasterKey[]] {
  const [first, ...others] = keysIn(place.read()).map((text) => masterKey(keyOf(text, place.name)));
  if (first === undefined) throw new StartError(`${place.name} holds no key. ${howToMake}`);
  return [first, ...others];
}

const howToMake = "Make one with: openssl rand -base64 32";

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(`SIMPLETUNER_CREDENTIAL_KEY_FILE: ${path} cannot be read (${code}).`, {
      cause: error,
    });
  }
}

function outputOf(command: string): string {
  try {
    const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
    return execFileSync("/bin/sh", ["-c", command], { encoding: "utf8", timeout: commandLimitMs, stdio });
  } catch (error) {
    const { status, stderr } = error as { status?: number | null; stderr?: string };
    const said = stderr?.trim().split("\n").at(-1);
    const how =
      typeof status === "number" ? `exit code ${status}` : `no answer in ${commandLimitMs / 1_000} s`;
    throw new StartError(`SIMPLETUNER_CREDENTIAL_KEY_COMMAND failed (${how})${said ? `: ${said}` : "."}`, {
      cause: error,
    });
  }
}

function stampOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? "" : [found.ino, found.size, found.mtimeMs, found.ctimeMs].join(" ");
}

/** What a key file of this program holds; it is made when there is none. */
function keptText(path: string): string {
  const existing = textIn(path);
  if (existing !== null) return existing;
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
  return textIn(path) ?? keptText(path);
}

function textIn(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
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
