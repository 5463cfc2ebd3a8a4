import { useEffect } from "preact/hooks";
import type { EventType } from "@simpletuner-cloud/contract/event-types.ts";
import { onEvent, type LiveEvent } from "./live.ts";

/** Calls `reload` after events of the types, once for a burst: `waitMs` after its first. */
export function useReloadOn(
  types: readonly EventType[],
  reload: () => void,
  wanted: (event: LiveEvent) => boolean = () => true,
  waitMs = 250,
): void {
  useEffect(() => {
    let timer = 0;
    const stop = onEvent(types, (event) => {
      if (timer !== 0 || !wanted(event)) return;
      timer = window.setTimeout(() => {
        timer = 0;
        reload();
      }, waitMs);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [reload]);
}
