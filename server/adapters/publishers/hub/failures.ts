import type { HubApiError } from "@huggingface/hub";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import { OutboundError } from "../../outbound/outbound-http.ts";
import { unanswered } from "../unanswered.ts";

/** How sentences name the Hub that is no mirror. */
const ownName = "Hugging Face";

/** What was being done, as a person says it. */
export interface HubAct {
  words: string;
  /** Account or organisation that it was done for; null before that is known. */
  owner: string | null;
}

/** How sentences name the Hub at an address. */
export function hubName(hubUrl: string): string {
  const { host } = new URL(hubUrl);
  return host === "huggingface.co" ? ownName : host;
}

/**
 * The failure of the contract for what the Hub's library threw; what has nothing to do with the Hub is passed on. The
 * Hub's own words are told where they say more than its status; the token is in none of them.
 */
export function hubFailure(error: unknown, act: HubAct, hubUrl: string): unknown {
  const place = hubName(hubUrl);
  if (error instanceof Failure || !(error instanceof Error)) return error;
  if (error instanceof OutboundError) return unanswered(error, place);
  if (isApiError(error)) return refusal(error, act, hubUrl);
  const isUnreadable =
    error instanceof SyntaxError ||
    error instanceof TypeError ||
    /^(Cannot get ETag|Invalid server response|Unrequested object|malformed response)/.test(error.message);
  if (!isUnreadable) return error;
  return fail(
    "destination_unreachable",
    { reason: `${place} gave an answer that cannot be read. Something between may have answered instead.` },
    error,
  );
}

function isApiError(error: Error): error is HubApiError {
  return "statusCode" in error && typeof error.statusCode === "number";
}

function refusal(error: HubApiError, { words, owner }: HubAct, hubUrl: string): Failure {
  const place = hubName(hubUrl);
  const { statusCode: status } = error;
  const said = saidBy(error);
  const reason = said === null ? String(status) : `${status}: ${said}`;
  if (status >= 500) return fail("destination_unreachable", { reason: `${place} failed (${reason}).` });
  if (status === 429 || status === 409 || status === 412) return fail("destination_busy", { place, reason });
  // The addresses for uploads are good for some time only; the next attempt gets new ones.
  if (!error.url.startsWith(hubUrl))
    return fail("destination_busy", { place: `The storage of ${place}`, reason: `status ${status}` });
  if (status === 413 || ((status === 402 || status === 403) && /storage|quota|limit/i.test(said ?? "")))
    return fail("destination_full", { place, reason });
  return fail("destination_refused", { place, action: words, reason, advice: adviceFor(status, owner) });
}

function adviceFor(status: number, owner: string | null): string {
  if (status === 401) return "Its token is wrong, expired or revoked: enter another.";
  if (status === 403)
    return `Give the token the role write, or a fine-grained one the right to write to repositories of ${owner ?? "its account"}.`;
  if (status === 404) return "It is not there, or the token may not see it: correct the owner or the token.";
  if (status >= 300 && status < 400) return "It was renamed: correct the owner or the repository's name.";
  return "Correct what it names, then retry.";
}

/** What the Hub says about it, without addresses; null when it says nothing of use. */
function saidBy({ message, data }: HubApiError): string | null {
  const given = data?.["error"];
  const text = (typeof given === "string" ? given : message)
    .replace(/\. URL: .*$/s, "")
    .replaceAll(/\s+/g, " ")
    .trim()
    .replace(/\.$/, "");
  return text === "" || text.startsWith("Api error with status") ? null : text.slice(0, 200);
}
