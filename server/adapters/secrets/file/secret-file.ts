import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseDocument } from "yaml";
import { secretName, secretsIn, SecretSourceError, type WritableSecretSource } from "../secret-source.ts";

/** The file that is made where there is none. */
const newFile = "secrets.json";
/** The files that may hold secrets, the first that exists counts. */
const fileNames = [newFile, "secrets.yaml", "secrets.yml"];

interface FoundFile {
  path: string;
  /** Changes with the file. */
  stamp: string;
  /** Others than its user may read it. */
  isOpen: boolean;
}

/**
 * Secrets in a file of the state directory, read anew when it has changed. Written as a new file that only its user may
 * read from its first moment, which then takes the old one's place: a reader sees the old or the new one, whole.
 */
export function secretFile(folder: string): WritableSecretSource {
  let known: { stamp: string; read: ReturnType<typeof secretsIn> } | null = null;
  let writing: Promise<unknown> = Promise.resolve();
  const write = async (name: string, value: string | null): Promise<string> => {
    const file = await existing(folder);
    const path = file?.path ?? join(folder, newFile);
    await replaceFile(path, changed(path, file ? await textOf(path) : "{}", name, value));
    known = null;
    return path;
  };
  return {
    id: "file",
    place: `secrets.json, secrets.yaml or secrets.yml in ${folder}`,
    async warning() {
      const file = await existing(folder);
      return file?.isOpen ? `${file.path} can be read by other users. Run: chmod 600 ${file.path}` : null;
    },
    async read() {
      const file = await existing(folder);
      if (!file) return new Map();
      if (known?.stamp !== file.stamp)
        known = { stamp: file.stamp, read: secretsIn(documentOf(file.path, await textOf(file.path))) };
      return known.read;
    },
    async write(name, value) {
      // One after the other: each starts from what the one before has written.
      const mine = writing.then(() => write(name, value));
      writing = mine.catch(() => undefined);
      return mine;
    },
  };
}

async function existing(folder: string): Promise<FoundFile | null> {
  for (const name of fileNames) {
    const path = join(folder, name);
    try {
      const { ino, size, mtimeMs, ctimeMs, mode } = await stat(path);
      return { path, stamp: [path, ino, size, mtimeMs, ctimeMs].join(" "), isOpen: (mode & 0o077) !== 0 };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unreadable(path, error);
    }
  }
  return null;
}

async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

function unreadable(path: string, error: unknown): SecretSourceError {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown";
  return new SecretSourceError(`${path} cannot be read (${code}).`, false, error);
}

/** The document in a file. Errors name the line at most: the text around it may be a secret. */
function documentOf(path: string, text: string): unknown {
  if (path.endsWith(".json")) {
    try {
      return text.trim() === "" ? {} : JSON.parse(text);
    } catch {
      throw new SecretSourceError(`${path} is not valid JSON.`, false);
    }
  }
  return yamlOf(path, text).toJS();
}

function yamlOf(path: string, text: string) {
  const document = parseDocument(text);
  const [first] = document.errors;
  if (!first) return document;
  const line = first.linePos?.[0].line;
  throw new SecretSourceError(`${path} is not valid YAML${line ? ` (line ${line})` : ""}.`, false);
}

/** The text of a file after a change; what else stands in it stays as it is, comments of YAML too. */
function changed(path: string, text: string, name: string, value: string | null): string {
  const wanted = secretName(name);
  if (path.endsWith(".json")) {
    const before = documentOf(path, text);
    const others = Object.entries(typeof before === "object" && before !== null ? before : {}).filter(
      ([key]) => secretName(key) !== wanted,
    );
    const after = value === null ? others : [...others, [wanted, value]];
    return `${JSON.stringify(Object.fromEntries(after), null, 2)}\n`;
  }
  const document = yamlOf(path, text);
  const keys = Object.keys((document.toJS() as object | null) ?? {});
  for (const key of keys) if (secretName(key) === wanted) document.delete(key);
  if (value !== null) document.set(wanted, value);
  return document.toString();
}

async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomUUID()}.new`;
  try {
    // `wx` with the mode: the file is nobody else's from its first moment.
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(path));
  await folder.sync().finally(() => folder.close());
}
