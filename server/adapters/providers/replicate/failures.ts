import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import { OutboundError } from "../../outbound/outbound-http.ts";
import { parseAnswer, Problem } from "./answers.ts";

/** How the sentences name this provider. */
export const providerName = "Replicate";

/** Replicate answered with an error. The token is blotted out of its words. */
export class ReplicateError extends Error {
  readonly status: number;

  constructor(status: number, body: string, token: string) {
    super(withoutToken(reasonOf(status, body), token));
    this.name = "ReplicateError";
    this.status = status;
  }
}

function withoutToken(text: string, token: string): string {
  return token === "" ? text : text.replaceAll(token, "***");
}

/** The Hugging Face Hub answered with an error; the message holds no secret. */
export class HubError extends Error {
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.name = "HubError";
    this.status = status;
  }
}

/** What an error's body says: its title and the lines of its detail; of HTML only the status. */
function reasonOf(status: number, body: string): string {
  const problem = parseAnswer(Problem, body);
  const words = [problem?.title, problem?.detail]
    .flatMap((text) => (text ?? "").split("\n"))
    .map((line) =>
      line
        .replace(/^\s*-\s*/, "")
        .trim()
        .replace(/[.:]?$/, ""),
    )
    .filter((line) => line !== "");
  const text = [...new Set(words)].join(": ").slice(0, 500);
  return text === "" ? `status ${status}.` : `${text} (status ${status}).`;
}

/** True when the same call may succeed in a moment. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ReplicateError) return error.status === 429 || error.status >= 500;
  if (error instanceof Failure) return error.code === "secrets_unavailable";
  return error instanceof OutboundError && error.isPassing;
}

/** True when the call may have done its work although it failed. */
export function mayHaveActed(error: unknown): boolean {
  if (error instanceof ReplicateError) return error.status >= 500;
  // Thrown here, before anything was sent.
  if (error instanceof Failure) return false;
  return !(error instanceof OutboundError) || error.mayHaveActed;
}

/** The failure that a job or a person is shown for an error of a call. */
export function asFailure(error: unknown): unknown {
  if (error instanceof Failure) return error;
  const reason = error instanceof Error ? error.message : "";
  if (error instanceof OutboundError) return fail("provider_unreachable", { provider: providerName, reason });
  if (error instanceof HubError) return hubFailure(error);
  if (!(error instanceof ReplicateError)) return error;
  if (error.status === 401 || error.status === 403)
    return fail("provider_token_refused", { provider: providerName, variable: "REPLICATE_API_TOKEN" });
  if (error.status === 402)
    return fail("provider_credit_missing", {
      provider: providerName,
      reason,
      url: "https://replicate.com/account/billing",
    });
  return fail(isPassing(error) ? "provider_unreachable" : "provider_refused", {
    provider: providerName,
    reason,
  });
}

function hubFailure(error: HubError): Failure {
  const provider = "Hugging Face";
  if (error.status === 401 || error.status === 403)
    return fail("provider_refused", {
      provider,
      reason: "its token may not make dataset repositories. Set HF_TOKEN to one with the role write.",
    });
  return fail(isPassing(error) ? "provider_unreachable" : "provider_refused", {
    provider,
    reason: `${error.message} (status ${error.status}).`,
  });
}
