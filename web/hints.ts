import type { HintName } from "@simpletuner-cloud/contract/hints.ts";
import { call, useLoad } from "./api.ts";

/** Whether the user has put an explanation away; null until the server has said it. */
export function useHint(hint: HintName): { dismissed: boolean | null; reload: () => void } {
  const { data, reload } = useLoad((signal) => call("GET /api/cloud/hints", { signal }), []);
  return { dismissed: data && data.dismissed_hints.includes(hint), reload };
}

/** Puts an explanation away for good, on every device of the user. */
export async function dismissHint(hint: HintName): Promise<void> {
  await call("POST /api/cloud/hints/dismiss/{hint}", { params: { hint } });
}

/** Brings an explanation back. */
export async function showHint(hint: HintName): Promise<void> {
  await call("POST /api/cloud/hints/show/{hint}", { params: { hint } });
}
