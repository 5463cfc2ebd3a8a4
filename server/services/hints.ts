import type { hintEndpoints } from "@simpletuner-cloud/contract/hints.ts";
import type { HintStore } from "../db/stores/hints.ts";
import type { Handlers } from "./handler.ts";

/** What a user's pages do not explain again. */
export function hintService({ hints }: { hints: HintStore }): Handlers<typeof hintEndpoints> {
  return {
    async listHints(_input, { caller }) {
      return { dismissed_hints: await hints.dismissed(caller.userId) };
    },
    async dismissHint({ params: { hint } }, { caller }) {
      await hints.set(caller.userId, hint, true);
      return { success: true, hint };
    },
    async showHint({ params: { hint } }, { caller }) {
      await hints.set(caller.userId, hint, false);
      return { success: true, hint };
    },
  };
}
