import { signal, type ReadonlySignal } from "@preact/signals";

const asked = signal(false);
let waiting: (() => void)[] = [];
let signedInHere = false;

/** True while something waits for the user to sign in again: the session ended in the middle of the work. */
export const signInNeeded: ReadonlySignal<boolean> = asked;

/** Asks the user to sign in, where the page stands; resolves once that is done, rejects when `aborted` is. */
export function untilSignedIn(aborted?: AbortSignal | null): Promise<void> {
  asked.value = true;
  return new Promise((resolve, reject) => {
    waiting.push(resolve);
    aborted?.addEventListener("abort", () => reject(aborted.reason), { once: true });
  });
}

/** Asks the user to sign in although nothing waits for it. */
export function askToSignIn(): void {
  asked.value = true;
}

/** The user is signed in, with a session that may end: what waits goes on. */
export function signInDone(hasSession: boolean): void {
  signedInHere ||= hasSession;
  const all = waiting;
  waiting = [];
  asked.value = false;
  for (const goOn of all) goOn();
}

/** The token that changes must repeat, as the server's cookie holds it; null when nobody is signed in here. */
export function csrfToken(): string | null {
  return /(?:^|; )csrf_token=([^;]+)/.exec(document.cookie)?.[1] ?? null;
}

/**
 * Fetches as the page's own user: repeats the token where something is changed, and when the session has ended asks to
 * sign in and then does it again, so that nothing typed is lost. A refusal for that reason did nothing yet.
 */
export const fetchSignedIn: typeof fetch = async (input, init) => {
  for (;;) {
    const token = csrfToken();
    const changes = (init?.method ?? "GET") !== "GET" && token !== null;
    const headers = {
      ...(init?.headers as Record<string, string>),
      ...(changes && { "x-csrf-token": token }),
    };
    const response = await fetch(input, { ...init, headers });
    if (!(await sessionEnded(response))) return response;
    await untilSignedIn(init?.signal);
  }
};

/** True for the answer of a server to somebody who was signed in and is not any more. */
async function sessionEnded(response: Response): Promise<boolean> {
  if (response.status !== 401 || (!signedInHere && csrfToken() === null)) return false;
  const body = (await response
    .clone()
    .json()
    .catch(() => null)) as { error?: string } | null;
  return body?.error === "authentication_error" || body?.error === "credential_refused";
}
