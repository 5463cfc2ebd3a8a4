/** The places that secrets may lie in, in the order in which they are asked. */
export const secretSourceIds = ["environment", "file", "aws", "vault"] as const;
/** One of {@link secretSourceIds}. */
export type SecretSourceId = (typeof secretSourceIds)[number];

/** Secrets by {@link secretName}. */
export type Secrets = ReadonlyMap<string, string>;

/** A place that secrets lie in. */
export interface SecretSource {
  readonly id: SecretSourceId;
  /** For a person, without a secret: `Vault at https://vault:8200, secret/simpletuner`. */
  readonly place: string;
  /** Everything it holds, none where there is nothing; throws {@link SecretSourceError} when it cannot tell. */
  read(): Promise<Secrets>;
  /** What an operator should set right although it works; null: nothing. */
  warning?(): Promise<string | null>;
  /** Keeps up what runs out, such as a lease; to be called every minute. */
  keepUp?(): Promise<void>;
}

/** The source that this server writes. */
export interface WritableSecretSource extends SecretSource {
  /** Stores a secret, or (null) removes it; on the disk when it resolves, and never half of it. Answers the file's path. */
  write(name: string, value: string | null): Promise<string>;
}

/** The sources of a server in the order in which they are asked, and the one that it writes. */
export interface SecretSources {
  all: readonly SecretSource[];
  file: WritableSecretSource;
}

/**
 * Why a source cannot tell. The message is a sentence for an operator and never holds a secret. `isPassing`: the same
 * question may be answered in a moment.
 */
export class SecretSourceError extends Error {
  readonly isPassing: boolean;

  constructor(message: string, isPassing: boolean, cause?: unknown) {
    super(message, { cause });
    this.name = "SecretSourceError";
    this.isPassing = isPassing;
  }
}

/** The one form of a secret's name: `replicate-api.token` is `REPLICATE_API_TOKEN`. */
export function secretName(name: string): string {
  return name.trim().toUpperCase().replaceAll(/[-.]/g, "_");
}

/**
 * The secrets of a flat document. Of two names that mean the same, the one in its one form wins; empty values count as
 * absent, what is neither text nor number is passed over.
 */
export function secretsIn(document: unknown): Secrets {
  const found = new Map<string, string>();
  if (typeof document !== "object" || document === null || Array.isArray(document)) return found;
  const entries = Object.entries(document).sort(
    ([left], [right]) => Number(left === secretName(left)) - Number(right === secretName(right)),
  );
  for (const [name, value] of entries) {
    const text = typeof value === "number" ? String(value) : value;
    if (typeof text === "string" && text.trim() !== "") found.set(secretName(name), text.trim());
  }
  return found;
}
