import { computed, signal, type ReadonlySignal } from "@preact/signals";
import { apiClient } from "@simpletuner-cloud/contract/client.ts";
import { callerMay, type Permission } from "@simpletuner-cloud/contract/permissions.ts";
import type { Session } from "@simpletuner-cloud/contract/system.ts";
import { call } from "./api.ts";
import { connection, restLive, retryNow, startLive, streamOpened } from "./live.ts";
import { askToSignIn, signInDone, signInNeeded } from "./signing-in.ts";

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

/** Whether anybody is signed in here; null until the server has said it. */
export const isSignedIn: ReadonlySignal<boolean | null> = computed(() => known.value?.authenticated ?? null);

/** Asks the server who the user is. Answers once it is known; a server that does not answer is told by its banner. */
export async function loadSession(): Promise<void> {
  let answer: Session;
  try {
    answer = await apiClient("")("GET /api/auth/check");
  } catch {
    return;
  }
  const before = known.peek();
  if (before && before.version !== answer.version) restartedAs.value = answer.version;
  if (before?.authenticated && !answer.authenticated && answer.mode === "multi-user") {
    // The page stays as it is, with what was typed in it, until somebody signs in over it.
    restLive();
    return askToSignIn();
  }
  if (before?.authenticated && answer.authenticated && before.user_id !== answer.user_id) {
    // Another one's page must not be shown to this one.
    return location.reload();
  }
  known.value = answer;
  if (answer.authenticated) {
    startLive();
    if (signInNeeded.peek()) retryNow();
    signInDone(answer.credential === "session");
  } else restLive();
}

/** Ends the session and begins afresh, so that nothing of it stays on the page. */
export async function signOut(): Promise<void> {
  await call("POST /api/auth/logout");
  location.assign("/login");
}

/** Follows who the user is: asked again whenever the event stream was opened again or lost, and when the page comes back. */
export function followSession(): void {
  let openings = 1;
  streamOpened.subscribe((opened) => {
    if (opened <= openings) return;
    openings = opened;
    void loadSession();
  });
  let state = connection.peek();
  connection.subscribe((now) => {
    const lost = now === "lost" && state !== "lost";
    state = now;
    // The stream cannot tell a server that is gone from one that does not let it in any more.
    if (lost) void loadSession();
  });
  document.addEventListener("visibilitychange", () => {
    // Perhaps somebody has signed in in another tab.
    if (!document.hidden && signInNeeded.peek()) void loadSession();
  });
}
