import { type ErrorBody, errorTable, Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Logger } from "pino";

/** An error as it is answered. */
export interface ErrorAnswer {
  status: number;
  body: ErrorBody;
}

/** Turns anything thrown into an answer. What is not expected is logged whole and answered as `internal`. */
export function errorAnswer(error: unknown, correlationId: string, log: Logger): ErrorAnswer {
  const failure = expected(error);
  if (failure) {
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
  if (error instanceof Failure) return error;
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === "ENOSPC" || (error instanceof Error && /database or disk is full/.test(error.message))) {
    return fail("disk_full", { path: "the server's data", free: "0 bytes" }, error);
  }
  return null;
}
