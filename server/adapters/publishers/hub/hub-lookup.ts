import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { HubLookup } from "../hub-lookup.ts";
import { type HubCallOptions, hubCalls } from "./hub-calls.ts";
import { tokenOf } from "./hub-publisher.ts";

/** Asks the Hub. */
export function hubLookup(options: Omit<HubCallOptions, "token">): HubLookup {
  const calls = (token: string | null, signal: AbortSignal) =>
    hubCalls({ ...options, token: tokenOf({ ...options, token }) }, signal);
  return {
    account: async (token, signal) => calls(token, signal).account(),
    async repository(token, name, signal) {
      try {
        return { isPrivate: await calls(token, signal).isPrivate(name) };
      } catch (error) {
        if (error instanceof Failure && String(error.details["reason"]).startsWith("404")) return null;
        throw error;
      }
    },
  };
}
