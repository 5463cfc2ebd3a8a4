import type { Kysely } from "kysely";
import { uuidv7 } from "uuidv7";
import type { Database } from "../db/schema.ts";
import type { SessionStore } from "../db/stores/sessions.ts";
import { newToken, tokenHash } from "../domain/secret-token.ts";
import type { ClientFacts, OpenedSession } from "./handler.ts";

const hourMs = 3_600_000;

/** CONTRACT 0.1: 24 hours, moved on while it is used, or 30 days for who asks to be remembered. */
const lifetimes = {
  short: { idleMs: 24 * hourMs, wholeMs: 7 * 24 * hourMs },
  long: { idleMs: 30 * 24 * hourMs, wholeMs: 30 * 24 * hourMs },
};

/** Writes a new session and answers what the browser gets of it; nothing else ever holds the token. */
export async function openSession(
  sessions: SessionStore,
  transaction: Kysely<Database>,
  userId: string,
  options: { remember: boolean; client: ClientFacts; nowMs: number },
): Promise<OpenedSession> {
  const { idleMs, wholeMs } = options.remember ? lifetimes.long : lifetimes.short;
  const { client, nowMs } = options;
  const token = newToken();
  const id = uuidv7();
  await sessions.insert(transaction, {
    id,
    token_hash: tokenHash(token),
    user_id: userId,
    created_at: nowMs,
    last_seen_at: nowMs,
    expires_at: nowMs + idleMs,
    ends_at: nowMs + wholeMs,
    idle_ms: idleMs,
    address: client.address.slice(0, 64),
    user_agent: client.userAgent.slice(0, 200),
  });
  return { id, token, maxAgeSeconds: options.remember ? wholeMs / 1_000 : null };
}
