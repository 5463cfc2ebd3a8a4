import { signal, type ReadonlySignal } from "@preact/signals";
import { callerMay, type Permission } from "@simpletuner-cloud/contract/permissions.ts";
import type { Session } from "@simpletuner-cloud/contract/system.ts";
import { call } from "./api.ts";
import { streamOpened } from "./live.ts";

const known = signal<Session | null>(null);

/** Who is signed in and the server's version; null until the first answer. */
export const session: ReadonlySignal<Session | null> = known;

/** True when the user holds `permission`; true as well until the server has said what the user may do. */
export function may(permission: Permission): boolean {
  const who = known.value;
  if (!who) return true;
  return callerMay(who, permission);
}

const restartedAs = signal<string | null>(null);

/** The server's version once it is another than the one this page was loaded from, else null. */
export const newVersion: ReadonlySignal<string | null> = restartedAs;

async function load(): Promise<void> {
  try {
    const answer = await call("GET /api/auth/check");
    if (known.value && known.value.version !== answer.version) restartedAs.value = answer.version;
    known.value = answer;
  } catch {
    // The connection banner tells it; pages show their own errors.
  }
}

/** Asks the server who the user is, and again whenever the event stream was reopened; call once. */
export function followSession(): void {
  void load();
  let openings = 1;
  streamOpened.subscribe((opened) => {
    if (opened <= openings) return;
    openings = opened;
    void load();
  });
}
