import type { AuditEntry } from "@simpletuner-cloud/contract/audit.ts";
import type { AuditExportFormat } from "@simpletuner-cloud/contract/audit-export.ts";
import {
  type OutboundAnswer,
  OutboundError,
  type OutboundService,
} from "../adapters/outbound/outbound-http.ts";
import type { ExportSettings } from "../db/stores/audit-exports.ts";
import { formatEntry, type FormatSource } from "../domain/audit-formats.ts";
import { hideValue } from "../domain/hidden-values.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";

/** So long a collector may take for one entry (CONTRACT 1.16). */
const usualWaitMs = 5_000;
/** Most of an answer that is read; only its beginning is told. */
const answerBytes = 1 << 20;
const toldCharacters = 300;
/** No collector is left alone for longer, whatever it asks. */
const longestAskedMs = 3_600_000;

/** Where one entry goes, and how. */
export interface CollectorTarget {
  format: AuditExportFormat;
  url: string;
  scheme: string;
  token: string | null;
}

/** The target that is stored, with its token opened; a sentence when that cannot be done. */
export type TargetOf = (stored: ExportSettings) => CollectorTarget | string;

/** Opens the tokens of stored targets. */
export function targetOpener(secrets: Pick<SecretBox, "open">): TargetOf {
  return ({ format, url, scheme, sealedToken }) => {
    try {
      return { format, url, scheme, token: sealedToken === null ? null : secrets.open(sealedToken) };
    } catch {
      return "The token of the collector cannot be opened: the key that sealed it is not here. Set the token again.";
    }
  };
}

/** What became of one entry. */
export interface CollectorOutcome {
  /** taken: the collector has it; later: it may take it later; refused: it will not as things are. */
  kind: "taken" | "later" | "refused";
  /** Null when no answer came. */
  status: number | null;
  /** The beginning of the answer, without the token. */
  answer: string | null;
  /** For people, with the way out; null when it was taken. */
  problem: string | null;
  /** How long the collector asks to wait. */
  askedMs: number;
}

/**
 * Hands entries to collectors, each in one request that is made once; from then on the token stays out of the log. Throws
 * only the signal's reason.
 */
export function auditCollector({
  http,
  source,
  waitMs = usualWaitMs,
}: {
  http: OutboundService;
  source: FormatSource;
  waitMs?: number;
}) {
  return async (
    target: CollectorTarget,
    entry: AuditEntry,
    signal: AbortSignal,
  ): Promise<CollectorOutcome> => {
    const { contentType, body } = formatEntry(entry, target.format, source);
    if (target.token !== null) hideValue(target.token);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), waitMs);
    try {
      const answer = await http.text(
        {
          method: "POST",
          url: target.url,
          headers: {
            "content-type": contentType,
            ...(target.token !== null && { authorization: `${target.scheme} ${target.token}` }),
          },
          body,
          repeat: "once",
          patienceMs: waitMs,
          signal: AbortSignal.any([signal, late.signal]),
        },
        answerBytes,
      );
      return judged(answer, target.token);
    } catch (error) {
      signal.throwIfAborted();
      return {
        kind: "later",
        status: null,
        answer: null,
        problem: whyNot(target, error, waitMs),
        askedMs: 0,
      };
    } finally {
      clearTimeout(timer);
    }
  };
}

/** See {@link auditCollector}. */
export type AuditCollector = ReturnType<typeof auditCollector>;

function whyNot({ url }: CollectorTarget, error: unknown, waitMs: number): string {
  if (error instanceof OutboundError && error.problem !== "silent") return error.message;
  const isLate = error instanceof OutboundError || (error as Error).name === "AbortError";
  if (!isLate) throw error;
  return `${new URL(url).host} did not answer within ${waitMs / 1_000} seconds.`;
}

function judged({ status, headers, body }: OutboundAnswer<string>, token: string | null): CollectorOutcome {
  const answer = told(body, token);
  const base = { status, answer, askedMs: 0 };
  if (status >= 200 && status < 300) return { ...base, kind: "taken", problem: null };
  const says = answer === "" ? "" : ` It says: ${answer}`;
  if (status >= 500 || status === 408 || status === 429) {
    const askedMs = askedWaitMs(headers["retry-after"]);
    const problem = `The collector cannot take entries now (status ${status}).${says}`;
    return { ...base, kind: "later", problem, askedMs };
  }
  return { ...base, kind: "refused", problem: `${refusal(status)}${says}` };
}

function refusal(status: number): string {
  if (status === 401 || status === 403)
    return `The collector refuses the token (status ${status}). Set a token that it accepts.`;
  if (status < 400)
    return `The address leads on to another one (status ${status}), which is not followed. Set the address it leads to.`;
  if (status === 404 || status === 405 || status === 410)
    return `The collector takes nothing at this address (status ${status}). Correct the address.`;
  return `The collector refuses the entry (status ${status}). Have it accept the entry, or choose the format that it takes.`;
}

function askedWaitMs(header: string | undefined): number {
  if (header === undefined) return 0;
  const seconds = Number(header);
  const askedMs = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(header) - Date.now();
  return Math.min(longestAskedMs, Math.max(0, askedMs || 0));
}

/** A collector that repeats what it got must not bring the token to where problems are shown. */
function told(body: string, token: string | null): string {
  const safe = token === null ? body : body.replaceAll(token, "***");
  const line = safe.replaceAll(/[\p{Cc}\s]+/gu, " ").trim();
  return line.length > toldCharacters ? `${line.slice(0, toldCharacters)}…` : line;
}
