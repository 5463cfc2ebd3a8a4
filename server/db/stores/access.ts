import type { Kysely } from "kysely";
import type { AuditEventType } from "@simpletuner-cloud/contract/audit-events.ts";
import { adminLevelId } from "@simpletuner-cloud/contract/levels.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { covers } from "@simpletuner-cloud/contract/permissions.ts";
import { isAdministrator } from "../../domain/user-rights.ts";
import type { Database } from "../schema.ts";
import { appendEvents } from "./job-events.ts";
import { rightsOf } from "./user-rights.ts";

/** Who does something to whom, for the audit. */
export interface AuditDraft {
  type: AuditEventType;
  actor: { id: string; name: string; address: string };
  target?: { id: string; name: string };
  details?: Record<string, unknown>;
}

/** What a change to accounts answers, and what it is to be remembered by. */
export interface AccessChange<Answer> {
  answer: Answer;
  events: readonly AuditDraft[];
}

/** Changes who may do what, one change at a time on every process. */
export function accessStore(db: Kysely<Database>, now: () => number) {
  let onChanged = (): void => undefined;
  return {
    /** Hears of each change that this process made, once it is committed. */
    hearChanges(listener: () => void): void {
      onChanged = listener;
    },
    /**
     * Makes one change with its events in one transaction. No other change is made until it is over, so what `work` reads
     * holds; one that leaves the server without an administrator is undone with `last_administrator`.
     */
    async change<Answer>(
      work: (transaction: Kysely<Database>) => Promise<AccessChange<Answer>>,
    ): Promise<Answer> {
      const answer = await db.transaction().execute(async (transaction) => {
        await lockAccess(transaction);
        const hadOne = await hasAdministrator(transaction);
        const change = await work(transaction);
        if (hadOne && !(await hasAdministrator(transaction))) throw fail("last_administrator");
        await appendAudit(transaction, change.events, now());
        return change.answer;
      });
      onChanged();
      return answer;
    },
    /** Writes something that takes nothing from anybody, such as a sign-in, with its events. */
    async record<Answer>(
      work: (transaction: Kysely<Database>) => Promise<AccessChange<Answer>>,
    ): Promise<Answer> {
      return db.transaction().execute(async (transaction) => {
        const change = await work(transaction);
        await appendAudit(transaction, change.events, now());
        return change.answer;
      });
    },
    /** Grows with every change, whichever process made it. */
    async version(): Promise<number> {
      const row = await db
        .selectFrom("counters")
        .select("value")
        .where("name", "=", "access")
        .executeTakeFirst();
      return Number(row?.value ?? 0);
    },
  };
}

/** See {@link accessStore}. */
export type AccessStore = ReturnType<typeof accessStore>;

async function lockAccess(transaction: Kysely<Database>): Promise<void> {
  await transaction
    .updateTable("counters")
    .set((row) => ({ value: row("value", "+", 1) }))
    .where("name", "=", "access")
    .execute();
}

async function appendAudit(
  transaction: Kysely<Database>,
  events: readonly AuditDraft[],
  atMs: number,
): Promise<void> {
  await appendEvents(
    transaction,
    events.map(({ type, actor, target, details }) => ({
      jobId: null,
      userId: target?.id ?? (actor.id === "" ? null : actor.id),
      type,
      atMs,
      data: {
        actor_id: actor.id,
        actor_name: actor.name,
        address: actor.address,
        ...(target && { target_id: target.id, target_name: target.name }),
        ...details,
      },
    })),
  );
}

/** Whether somebody who can sign in may manage users and levels. */
async function hasAdministrator(transaction: Kysely<Database>): Promise<boolean> {
  const strong = [adminLevelId, ...(await strongLevels(transaction))];
  const candidates = await transaction
    .selectFrom("users")
    .select("id")
    .where("is_active", "=", 1)
    .where((user) => user.or([user("password_hash", "is not", null), user("auth_source", "<>", "password")]))
    .where((user) =>
      user.or([
        user("id", "in", user.selectFrom("user_levels").select("user_id").where("level_id", "in", strong)),
        user("id", "in", user.selectFrom("user_overrides").select("user_id").where("granted", "=", 1)),
      ]),
    )
    .execute();
  const rights = await rightsOf(
    transaction,
    candidates.map(({ id }) => id),
  );
  return [...rights.values()].some(isAdministrator);
}

/** Levels beside the built-in ones with a part of what makes an administrator. */
async function strongLevels(transaction: Kysely<Database>): Promise<string[]> {
  const rows = await transaction.selectFrom("levels").select(["id", "grants"]).execute();
  const parts = ["admin.users", "admin.levels"];
  return rows
    .filter(({ grants }) =>
      (JSON.parse(grants) as string[]).some((grant) => parts.some((part) => covers(grant, part))),
    )
    .map(({ id }) => id);
}
