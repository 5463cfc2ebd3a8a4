import { signal, type ReadonlySignal } from "@preact/signals";
import { callerMay, type Permission } from "@simpletuner-cloud/contract/permissions.ts";
import type { Session } from "@simpletuner-cloud/contract/system.ts";
import { call } from "./api.ts";

const known = signal<Session | null>(null);

/** Who is signed in and the server's version; null until the first answer. */
export const session: ReadonlySignal<Session | null> = known;

/** True when the user holds `permission`; true as well until the server has said what the user may do. */
export function may(permission: Permission): boolean {
  const who = known.value;
  if (!who) return true;
  return callerMay(
    { userId: who.user_id ?? "", username: who.username ?? "", grants: who.grants },
    permission,
  );
}

/** Asks the server who the user is; a server that does not answer is asked again when the stream reopens. */
export async function loadSession(): Promise<void> {
  try {
    known.value = await call("GET /api/auth/check");
  } catch {
    // The connection banner tells it; pages show their own errors.
  }
}
