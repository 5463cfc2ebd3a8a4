import { signal, type ReadonlySignal } from "@preact/signals";

const tick = signal(Date.now());
setInterval(() => {
  if (!document.hidden) tick.value = Date.now();
}, 1000);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) tick.value = Date.now();
});

/** Epoch milliseconds, moved once a second while the page is visible. */
export const nowMs: ReadonlySignal<number> = tick;
