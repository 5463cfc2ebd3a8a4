import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { isActive, jobStatuses } from "@simpletuner-cloud/contract/jobs.ts";
import { type JobRecord, newJobRecord, withChange } from "./job-record.ts";
import { mapSecretFields } from "./sealed-secret.ts";

/** What an entry of a job history came to. */
export type HistoryEntry =
  | { kind: "job"; job: JobRecord }
  | { kind: "active"; jobId: string; provider: string; status: string }
  | { kind: "problem"; jobId: string | null; reason: string };

/** What others call the states (CONTRACT 2.2). */
const otherNames: Readonly<Record<string, Job["status"]>> = {
  canceled: "cancelled",
  starting: "queued",
  processing: "running",
  training: "running",
  blocked: "pending",
  succeeded: "completed",
  error: "failed",
};

/** The entries of a history: a list, a list under `jobs`, or an object by id. Null when it is none of them. */
export function historyEntries(document: unknown): unknown[] | null {
  if (Array.isArray(document)) return document;
  if (document === null || typeof document !== "object") return null;
  const { jobs } = document as { jobs?: unknown };
  if (jobs !== undefined) return historyEntries(jobs);
  return Object.entries(document).map(([job_id, entry]) =>
    entry !== null && typeof entry === "object" ? { job_id, ...entry } : entry,
  );
}

/** Reads one entry as SimpleTuner's cloud panel wrote it. No secret of it is taken over. */
export function readHistoryEntry(entry: unknown, userId: string): HistoryEntry {
  if (entry === null || typeof entry !== "object" || Array.isArray(entry))
    return { kind: "problem", jobId: null, reason: "is not an object" };
  const fields = entry as Record<string, unknown>;
  const jobId = String(fields["job_id"] ?? fields["id"] ?? "");
  const told = (reason: string): HistoryEntry => ({ kind: "problem", jobId: jobId || null, reason });
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(jobId)) return told("has no usable job_id");
  const word = String(fields["status"] ?? "").toLowerCase();
  const status = otherNames[word] ?? jobStatuses.find((known) => known === word);
  if (status === undefined) return told(`has an unknown status (${word.slice(0, 40) || "none"})`);
  const provider = textOf(fields["provider"], 40) ?? "local";
  if (isActive(status)) return { kind: "active", jobId, provider, status };
  const createdMs = instantOf(fields["created_at"] ?? fields["queued_at"] ?? fields["started_at"]);
  if (createdMs === null) return told("has no created_at that is a time");
  const startedMs = instantOf(fields["started_at"]);
  const endedMs = Math.max(
    instantOf(fields["completed_at"]) ?? startedMs ?? createdMs,
    startedMs ?? createdMs,
  );
  return {
    kind: "job",
    job: recordOf(fields, { jobId, userId, provider, status, createdMs, startedMs, endedMs }),
  };
}

interface Read {
  jobId: string;
  userId: string;
  provider: string;
  status: Job["status"];
  createdMs: number;
  startedMs: number | null;
  endedMs: number;
}

function recordOf(fields: Record<string, unknown>, read: Read): JobRecord {
  const { jobId, userId, provider, createdMs, startedMs, endedMs } = read;
  const configName = textOf(fields["config_name"], 100);
  const fresh = newJobRecord(
    {
      jobId,
      userId,
      provider,
      jobType: fields["job_type"] === "local" || provider === "local" ? "local" : "cloud",
      name: textOf(fields["name"] ?? fields["tracker_run_name"], 120) ?? configName ?? jobId,
      configName,
      modelFamily: textOf(fields["model_family"], 60),
      transfer: provider === "local" ? "in_place" : "package",
      consentedFingerprint: null,
      retryOf: null,
      hardwareType: textOf(fields["hardware_type"], 80),
      metadata: { imported_from: "job_history.json", ...metadataOf(fields) },
    },
    createdMs,
  );
  const iso = (atMs: number): string => new Date(atMs).toISOString();
  const wire = {
    status: read.status,
    attempt: 1,
    max_attempts: 1,
    started_at: startedMs === null ? null : iso(startedMs),
    completed_at: iso(endedMs),
    cost_usd: costOf(fields["cost_usd"] ?? fields["cost"]),
    error_message: textOf(fields["error_message"] ?? fields["error"], 2_000),
    output_url: textOf(fields["output_url"], 2_000),
  };
  return withChange(fresh, { wire, private: { handedOver: true } }, endedMs);
}

/** What else was known, as far as it is small and no secret. */
function metadataOf(fields: Record<string, unknown>): Record<string, unknown> {
  const { metadata, user_id: former } = fields;
  const kept =
    metadata !== null && typeof metadata === "object" && !Array.isArray(metadata)
      ? (mapSecretFields(metadata, () => "********") as Record<string, unknown>)
      : {};
  const small = JSON.stringify(kept).length <= 20_000 ? kept : {};
  return {
    ...small,
    ...(former !== null && former !== undefined && { former_user_id: String(former).slice(0, 64) }),
  };
}

function textOf(value: unknown, longest: number): string | null {
  if (typeof value !== "string") return null;
  const text = value.replaceAll(/\p{Cc}+/gu, " ").trim();
  return text === "" ? null : text.slice(0, longest);
}

function costOf(value: unknown): number | null {
  const usd = typeof value === "string" ? Number(value) : value;
  return typeof usd === "number" && Number.isFinite(usd) && usd >= 0 && usd < 1e9 ? usd : null;
}

/** Epoch milliseconds of a text or of epoch seconds; a text without a zone is UTC, as its writer meant. */
function instantOf(value: unknown): number | null {
  const isZoned = typeof value === "string" && /(Z|[+-]\d\d:?\d\d)$/.test(value.trim());
  const ms =
    typeof value === "number"
      ? value * 1_000
      : typeof value === "string" && value.trim() !== ""
        ? Date.parse(isZoned || !value.includes(":") ? value.trim() : `${value.trim()}Z`)
        : Number.NaN;
  // Between 2000 and 2100: anything else is another unit, or damaged.
  return Number.isFinite(ms) && ms > 946_684_800_000 && ms < 4_102_444_800_000 ? Math.round(ms) : null;
}
