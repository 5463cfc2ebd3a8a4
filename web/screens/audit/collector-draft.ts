import type { AuditExport, AuditExportFormat } from "@simpletuner-cloud/contract/audit-export.ts";
import { ApiError } from "../../api.ts";
import { t } from "./collector-words.ts";

/** What is typed into the form. */
export interface CollectorDraft {
  format: AuditExportFormat;
  url: string;
  scheme: string;
  token: string;
  dropToken: boolean;
  securityOnly: boolean;
  /** Empty: on from where it is. */
  start: "" | "now" | "beginning";
}

/** Sentences at fields. */
export type CollectorProblems = Partial<Record<"webhook_url" | "auth_token", string>>;

/** The form as it opens. */
export function draftOf(state: AuditExport): CollectorDraft {
  return {
    format: state.format ?? "json",
    url: state.webhook_url ?? "",
    scheme: state.auth_scheme ?? "ApiKey",
    token: "",
    dropToken: false,
    securityOnly: state.security_only,
    start: state.status === "off" ? "now" : "",
  };
}

/** Schemes that are offered; the one that is set is among them. */
export function schemesOf(scheme: string): string[] {
  const usual = ["ApiKey", "Bearer", "Splunk", "Basic"];
  return usual.includes(scheme) ? usual : [...usual, scheme];
}

/** Whether the token that is set also belongs to the address of the draft. */
export function keepsToken({ url }: CollectorDraft, state: AuditExport): boolean {
  if (!state.auth_token_set || state.webhook_url === null) return false;
  return !URL.canParse(url) || new URL(url).origin === new URL(state.webhook_url).origin;
}

/** What is wrong before anything is asked. */
export function problemsOf({ url }: CollectorDraft): CollectorProblems {
  return /^https?:\/\/[^\s@#]+$/i.test(url.trim()) ? {} : { webhook_url: t("need_url") };
}

/** What a trial sends. */
export function trialOf(draft: CollectorDraft, state: AuditExport) {
  const { format, url, scheme, token } = draft;
  const isNone = draft.dropToken || (token === "" && !keepsToken(draft, state));
  return {
    format,
    webhook_url: url.trim(),
    auth_scheme: scheme,
    ...(isNone ? { auth_token: null } : token !== "" && { auth_token: token.trim() }),
  };
}

/** What is saved. */
export function bodyOf(draft: CollectorDraft, state: AuditExport) {
  return {
    ...trialOf(draft, state),
    security_only: draft.securityOnly,
    ...(draft.start !== "" && { start: draft.start }),
  };
}

/** The refusal as a sentence at its field; null when it is about none of the form. */
export function problemAt(error: Error): CollectorProblems | null {
  if (!(error instanceof ApiError)) return null;
  const { field, problem } = error.details;
  return (field === "webhook_url" || field === "auth_token") && typeof problem === "string"
    ? { [field]: problem }
    : null;
}
