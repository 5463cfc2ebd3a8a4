import { setTimeout as delay } from "node:timers/promises";
import type { ReplicateClient } from "./client.ts";
import { ReplicateError } from "./failures.ts";

/** What is known of the token. */
export interface AccountState {
  username: string | null;
  /** Why no job can run, for a person; null also while nobody knows. */
  problem: string | null;
}

/** An answer is good for so long. */
const freshForMs = 5 * 60_000;
/** Whoever wants to see the provider waits at most so long for it. */
const waitMs = 1_500;

/** Asks whose token it is, in the background after the first time; that Replicate is silent is no fault of the token. */
export function accountCheck(client: ReplicateClient | null): () => Promise<AccountState> {
  let state: AccountState = { username: null, problem: null };
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> = Promise.resolve();
  const ask = async (api: ReplicateClient): Promise<void> => {
    try {
      state = { username: (await api.account()).username, problem: null };
    } catch (error) {
      if (error instanceof ReplicateError && (error.status === 401 || error.status === 403))
        state = {
          username: null,
          problem:
            "Replicate does not accept REPLICATE_API_TOKEN. Set a valid token and start the server again.",
        };
      else askedAt = Number.NEGATIVE_INFINITY;
    }
  };
  return async () => {
    if (client && performance.now() - askedAt > freshForMs) {
      askedAt = performance.now();
      asking = ask(client);
    }
    await Promise.race([asking, delay(waitMs, undefined, { ref: false })]);
    return state;
  };
}
