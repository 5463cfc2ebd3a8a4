import type { Logger } from "pino";
import type { SecretChain } from "../services/secrets.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

/** What keeping leases needs. */
export interface KeepLeasesOptions {
  secretChain: SecretChain;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/** Renews each minute what sources of secrets lend for a while, so that it lives on while nobody asks for a secret. */
export function keepLeases({ secretChain, log, stopping, traces }: KeepLeasesOptions): Loop {
  const round = secretChain.keepUp;
  return startLoop({ name: "renewing the leases of secrets", everyMs: 60_000, round, log, stopping, traces });
}
