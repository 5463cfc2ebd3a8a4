import { type ErrorBody, errorTable, Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Logger } from "pino";
import { unknownFolderTrouble } from "../services/folder-trouble.ts";

/** An error as it is answered. */
export interface ErrorAnswer {
  status: number;
  body: ErrorBody;
}

/** Turns anything thrown into an answer. What is not expected is logged whole and answered as `internal`. */
export function errorAnswer(error: unknown, correlationId: string, log: Logger): ErrorAnswer {
  const failure = expected(error);
  if (failure) {
    // What the person who runs the server has to see to, not the one who asked.
    if (failure.status >= 500 && failure.cause !== undefined) log.error({ err: failure }, failure.message);
    return {
      status: errorTable[failure.code][0],
      body: {
        error: failure.code,
        message: failure.message,
        details: failure.details,
        correlation_id: correlationId,
      },
    };
  }
  log.error({ err: error }, "unexpected error");
  const internal = fail("internal", { correlation_id: correlationId });
  return {
    status: 500,
    body: { error: "internal", message: internal.message, details: {}, correlation_id: correlationId },
  };
}

function expected(error: unknown): Failure | null {
  return error instanceof Failure ? error : unknownFolderTrouble(error);
}
