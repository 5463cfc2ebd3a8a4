import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { AccountToken } from "./account-token.ts";
import type { ReplicateClient } from "./client.ts";
import { asFailure, ReplicateError } from "./failures.ts";

/** What is known of the token. */
export interface AccountState {
  /** There is one, valid or not. */
  hasToken: boolean;
  username: string | null;
  /** Why no job can run, for a person; null also while nobody knows. */
  problem: string | null;
}

/** An answer is good for so long. */
const freshForMs = 5 * 60_000;
/** Whoever wants to see the provider waits at most so long for it. */
const waitMs = 1_500;

/**
 * Asks whose token it is, in the background after the first time, and at once after a change of the token; that
 * Replicate is silent is no fault of the token.
 */
export function accountCheck(
  client: ReplicateClient,
  currentToken: () => Promise<AccountToken>,
): () => Promise<AccountState> {
  let known: { token: string; state: AccountState; askedAt: number } | null = null;
  let asking: Promise<void> = Promise.resolve();
  const ask = async (token: string): Promise<void> => {
    const answer = await client.account().then(
      ({ username }) => ({ username, problem: null }),
      (error: unknown) => (isRefusal(error) ? { username: null, problem: problemOf(error) } : null),
    );
    if (known?.token !== token) return;
    if (answer) known.state = { hasToken: true, ...answer };
    else known.askedAt = Number.NEGATIVE_INFINITY;
  };
  return async () => {
    let token: string;
    try {
      token = (await currentToken()).value;
    } catch (error) {
      return { hasToken: false, username: null, problem: problemOf(error) };
    }
    if (known?.token !== token)
      known = {
        token,
        state: { hasToken: true, username: null, problem: null },
        askedAt: Number.NEGATIVE_INFINITY,
      };
    const current = known;
    if (performance.now() - current.askedAt > freshForMs) {
      current.askedAt = performance.now();
      asking = ask(token);
    }
    await Promise.race([asking, delay(waitMs, undefined, { ref: false })]);
    return current.state;
  };
}

function isRefusal(error: unknown): boolean {
  return error instanceof ReplicateError && (error.status === 401 || error.status === 403);
}

function problemOf(error: unknown): string {
  const failure = asFailure(error);
  if (failure instanceof Failure) return failure.message;
  throw error;
}
