import { errorTable } from "./error-table.ts";

export { errorTable };

/** A code of {@link errorTable}. */
export type ErrorCode = keyof typeof errorTable;

/** What fills a sentence and travels in the answer's `details`; never holds a secret. */
export type ErrorDetails = Record<string, string | number | boolean | null | readonly string[]>;

/** JSON body of every error answer. */
export interface ErrorBody {
  error: ErrorCode;
  /** One sentence for a person: what is wrong and the way out. */
  message: string;
  details: ErrorDetails;
  correlation_id: string;
}

/** An expected failure with a code of the table; everything else that is thrown becomes `internal`. */
export class Failure extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(errorSentence(code, details), options);
    this.name = "Failure";
    this.code = code;
    this.details = details;
  }

  /** HTTP status of the code. */
  get status(): number {
    return errorTable[this.code][0];
  }
}

/** Makes the {@link Failure} to throw: `throw fail("job_not_found", { job_id })`. */
export function fail(code: ErrorCode, details: ErrorDetails = {}, cause?: unknown): Failure {
  return new Failure(code, details, cause === undefined ? undefined : { cause });
}

/** The sentence of `code` with `{name}` filled from `details`; a missing detail shows as `?`. */
export function errorSentence(code: ErrorCode, details: ErrorDetails): string {
  return errorTable[code][1].replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = details[name];
    if (value === undefined || value === null) return "?";
    return Array.isArray(value) ? value.join(", ") : String(value);
  });
}
