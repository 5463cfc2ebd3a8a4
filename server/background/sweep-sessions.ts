import type { Kysely } from "kysely";
import type { Logger } from "pino";
import type { Database } from "../db/schema.ts";
import type { AccessChange, AccessStore, AuditDraft } from "../db/stores/access.ts";
import type { LoginAttemptStore } from "../db/stores/login-attempts.ts";
import type { SessionStore } from "../db/stores/sessions.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

/** Removed in one transaction at most. */
const atOnce = 200;

/** What the sweep needs. */
export interface SessionSweepOptions {
  access: AccessStore;
  sessions: SessionStore;
  loginAttempts: LoginAttemptStore;
  sessionCleanupMs: number;
  now: () => number;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/** Removes sessions that ran out, each with its event, and failed attempts that are forgotten; now and ever again. */
export function sweepSessions(options: SessionSweepOptions): Loop {
  const { access, sessions, loginAttempts, now } = options;
  const round = async (): Promise<void> => {
    for (let found = atOnce; found === atOnce && !options.stopping.aborted;) {
      const expired = await sessions.expired(now(), atOnce);
      found = expired.length;
      if (found > 0) await access.record((transaction) => remove(transaction, expired));
    }
    await loginAttempts.removeForgotten();
  };
  const remove = async (
    transaction: Kysely<Database>,
    expired: Awaited<ReturnType<SessionStore["expired"]>>,
  ): Promise<AccessChange<undefined>> => {
    const events: AuditDraft[] = [];
    for (const { id, user_id, username } of expired) {
      // Another process may have been here first, and then it told.
      if (!(await sessions.endExpired(transaction, id, now()))) continue;
      const actor = { id: user_id, name: username ?? "", address: "" };
      events.push({ type: "auth.session.expired", actor, details: { session_id: id } });
    }
    return { answer: undefined, events };
  };
  const loop = startLoop({
    name: "removing old sessions",
    everyMs: options.sessionCleanupMs,
    round,
    log: options.log,
    stopping: options.stopping,
    traces: options.traces,
  });
  void loop.runOnce();
  return loop;
}
