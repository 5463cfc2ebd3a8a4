import { type Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import type { OutboundError } from "../outbound/outbound-http.ts";

/** The failure for a call that got no answer. */
export function unanswered(error: OutboundError, place: string): Failure {
  return error.isPassing
    ? fail("destination_unreachable", { reason: error.message })
    : fail("destination_refused", {
        place,
        action: "the connection",
        reason: error.problem.replaceAll("_", " "),
        advice: error.message,
      });
}
