/** Why the program ends early: one sentence for a person and the exit code that tells the reason's kind. */
export class TrainerFailure extends Error {
  readonly exitCode: number;

  constructor(sentence: string, exitCode: number, options?: ErrorOptions) {
    super(sentence, options);
    this.name = "TrainerFailure";
    this.exitCode = exitCode;
  }
}

/** The configuration, the dataset or a checkpoint cannot be used as they are: exit code 2. */
export function unusable(sentence: string, cause?: unknown): TrainerFailure {
  return new TrainerFailure(sentence, 2, { cause });
}

/** The model was trained but could not be delivered: exit code 3. */
export function undelivered(sentence: string, cause?: unknown): TrainerFailure {
  return new TrainerFailure(sentence, 3, { cause });
}

/** The text of anything that was thrown, on one line. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message || systemCode(thrown) || thrown.name : String(thrown);
  return text.replace(/\s+/g, " ").trim();
}

/** The system error code (`ENOENT`, `ECONNREFUSED` ...) of something thrown, or "". */
export function systemCode(thrown: unknown): string {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return "";
  return typeof thrown.code === "string" ? thrown.code : "";
}
