/** The account of a token at the Hugging Face Hub. */
export interface HubAccountFacts {
  name: string;
  organizations: readonly string[];
  /** Why the token may not write to repositories of an owner, with the way out; null when it may. */
  writeProblem(owner: string): string | null;
}

/** Questions to the Hugging Face Hub. Failures are the contract's `destination_…`. */
export interface HubLookup {
  /** Throws `destination_refused` also for a token that is null. */
  account(token: string | null, signal: AbortSignal): Promise<HubAccountFacts>;
  /** A model repository; null when there is none, or the token may not see it. */
  repository(token: string | null, name: string, signal: AbortSignal): Promise<{ isPrivate: boolean } | null>;
}
