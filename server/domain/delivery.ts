import type { Delivery, DeliveryStatus } from "@simpletuner-cloud/contract/deliveries.ts";
import { type ErrorCode, fail } from "@simpletuner-cloud/contract/errors.ts";
import { isoOrNull } from "@simpletuner-cloud/contract/instants.ts";

/** A delivery: what everybody may read and what the server keeps to itself. Instants in epoch milliseconds. */
export interface DeliveryRecord {
  readonly wire: Delivery;
  /** When it is tried next by itself; null: not before the job's end, or a person, asks for it. */
  readonly dueAtMs: number | null;
  /** Names the attempt under way; a report that carries another is late and is not applied. */
  readonly lease: string | null;
  /** An attempt that has not been heard of until then is over. */
  readonly leaseUntilMs: number | null;
  /** What the publisher keeps between attempts. */
  readonly memory: DeliveryMemory;
  readonly version: number;
}

/** JSON that a publisher keeps between attempts, such as ids of unfinished uploads; never a secret. */
export type DeliveryMemory = Readonly<Record<string, unknown>>;

/** Attempts in a row before a delivery waits for a person. With the waits below, the last comes a day after the first. */
export const mostAttempts = 9;
const minuteMs = 60_000;
/** Between an attempt that failed and the next. */
const waitsMs = [0.5, 2, 10, 30, 60, 180, 360, 720].map((minutes) => minutes * minuteMs);

/** Failures that pass by themselves; after any other, somebody has to set something right first. */
const passing: ReadonlySet<string> = new Set<ErrorCode>([
  "delivery_file_changed",
  "destination_busy",
  "destination_incomplete",
  "destination_unreachable",
  "disk_full",
  "internal",
  "secrets_unavailable",
  "storage_busy",
  "storage_unreachable",
]);

/** States from which a delivery may still become `delivered` without being asked for again. */
export const openStatuses = ["waiting", "running", "failed"] as const satisfies readonly DeliveryStatus[];

/** What of a record changes. */
export type DeliveryChange = Partial<Omit<DeliveryRecord, "wire" | "version">> & { wire?: Partial<Delivery> };

/** A delivery that has just been ordered; `dueAtMs` null waits for the job's end. */
export function newDelivery(
  order: Pick<
    Delivery,
    "delivery_id" | "job_id" | "destination_id" | "destination" | "kind" | "by" | "target"
  >,
  dueAtMs: number | null,
  nowMs: number,
): DeliveryRecord {
  const at = new Date(nowMs).toISOString();
  return {
    wire: {
      ...order,
      status: "waiting",
      url: null,
      progress: null,
      attempt: 0,
      error_code: null,
      error_message: null,
      next_attempt_at: isoOrNull(dueAtMs),
      created_at: at,
      started_at: null,
      completed_at: null,
      updated_at: at,
    },
    dueAtMs,
    lease: null,
    leaseUntilMs: null,
    memory: {},
    version: 1,
  };
}

/** The record with a change and what follows from it. */
export function withDeliveryChange(
  record: DeliveryRecord,
  change: DeliveryChange,
  nowMs: number,
): DeliveryRecord {
  const { wire, ...rest } = change;
  const next = { ...record, ...rest, version: record.version + 1 };
  return {
    ...next,
    wire: {
      ...record.wire,
      ...wire,
      next_attempt_at: isoOrNull(next.dueAtMs),
      updated_at: new Date(nowMs).toISOString(),
    },
  };
}

/** Takes a delivery that is due, or whose attempt has not been heard of, under a lease; null when it is neither. */
export function claimDelivery(
  record: DeliveryRecord,
  lease: string,
  leaseMs: number,
  nowMs: number,
): DeliveryChange | null {
  const { status, attempt } = record.wire;
  const abandoned = status === "running" && (record.leaseUntilMs ?? 0) <= nowMs;
  const due =
    (status === "waiting" || status === "failed") && record.dueAtMs !== null && record.dueAtMs <= nowMs;
  if (!abandoned && !due) return null;
  return {
    wire: {
      status: "running",
      // An attempt that died with its server is taken up again, not counted twice.
      attempt: abandoned ? attempt : attempt + 1,
      started_at: record.wire.started_at ?? new Date(nowMs).toISOString(),
      completed_at: null,
      error_code: null,
      error_message: null,
    },
    dueAtMs: null,
    lease,
    leaseUntilMs: nowMs + leaseMs,
  };
}

const over = { lease: null, leaseUntilMs: null } as const;

/** Everything arrived and was looked at there. */
export function deliveredAt(place: { target: string; url: string | null }, nowMs: number): DeliveryChange {
  return {
    ...over,
    dueAtMs: null,
    memory: {},
    wire: {
      ...place,
      status: "delivered",
      error_code: null,
      error_message: null,
      completed_at: new Date(nowMs).toISOString(),
    },
  };
}

/** An attempt failed; what passes by itself is tried again, later each time, with up to a fifth more by chance. */
export function failedAttempt(
  record: DeliveryRecord,
  { code, message }: { code: string; message: string },
  nowMs: number,
  chance: number = Math.random(),
): DeliveryChange {
  const { attempt } = record.wire;
  const again = passing.has(code) && attempt < mostAttempts;
  const waitMs = (waitsMs[Math.min(attempt, waitsMs.length) - 1] ?? minuteMs) * (1 + chance / 5);
  return {
    ...over,
    dueAtMs: again ? nowMs + Math.round(waitMs) : null,
    wire: {
      status: "failed",
      error_code: code,
      error_message: message,
      completed_at: new Date(nowMs).toISOString(),
    },
  };
}

/** The attempt was broken off because the server stops; it is due again at once. */
export function brokenOff(record: DeliveryRecord, nowMs: number): DeliveryChange {
  return { ...over, dueAtMs: nowMs, wire: { status: "waiting", attempt: record.wire.attempt - 1 } };
}

/** Stops a delivery that is not over. Throws `invalid_delivery_state`. */
export function cancelDelivery(
  record: DeliveryRecord,
  why: { code: string; message: string } | null,
  nowMs: number,
): DeliveryChange {
  requireStatus(record, openStatuses, "cancelling");
  return {
    ...over,
    dueAtMs: null,
    wire: {
      status: "cancelled",
      error_code: why?.code ?? null,
      error_message: why?.message ?? null,
      completed_at: new Date(nowMs).toISOString(),
    },
  };
}

/** Orders a delivery anew: now when its job is over, else at the job's end. Throws `invalid_delivery_state`. */
export function retryDelivery(record: DeliveryRecord, jobIsOver: boolean, nowMs: number): DeliveryChange {
  requireStatus(record, ["failed", "cancelled", "delivered"], "retrying");
  return {
    ...over,
    dueAtMs: jobIsOver ? nowMs : null,
    wire: {
      status: "waiting",
      attempt: 0,
      error_code: null,
      error_message: null,
      progress: null,
      started_at: null,
      completed_at: null,
    },
  };
}

function requireStatus(record: DeliveryRecord, allowed: readonly DeliveryStatus[], action: string): void {
  const { status } = record.wire;
  if (!allowed.includes(status)) throw fail("invalid_delivery_state", { status, action, allowed });
}
