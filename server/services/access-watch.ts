/** How often other processes' changes are looked for, and how often a session that ran out is noticed. */
const lookEveryMs = 2_000;
const recheckEveryMs = 60_000;

/** What watching over rights needs. */
export interface AccessWatchOptions {
  /** Grows with every change of who may do what, whichever process made it. */
  version: () => Promise<number>;
  onError: (error: unknown) => void;
}

/**
 * Tells those who hold something open that rights may have changed: at once of changes in this process, within two
 * seconds of others', and once a minute in any case. Asks nobody while nobody watches.
 */
export function accessWatch({ version, onError }: AccessWatchOptions) {
  const watchers = new Set<() => void>();
  let timer: NodeJS.Timeout | null = null;
  let known: number | null = null;
  let recheckAtMs = 0;
  const tellAll = (): void => {
    recheckAtMs = performance.now() + recheckEveryMs;
    for (const watcher of watchers) watcher();
  };
  const look = async (): Promise<void> => {
    const present = await version();
    const changed = known !== null && present !== known;
    known = present;
    if (changed || performance.now() >= recheckAtMs) tellAll();
  };
  return {
    /** Something changed in this process. */
    changed: tellAll,
    /** Calls `watcher` whenever rights may have changed; answers the function that stops it. */
    watch(watcher: () => void): () => void {
      watchers.add(watcher);
      if (timer === null) {
        known = null;
        recheckAtMs = performance.now() + recheckEveryMs;
        timer = setInterval(() => void look().catch(onError), lookEveryMs).unref();
        void look().catch(onError);
      }
      return () => {
        watchers.delete(watcher);
        if (watchers.size > 0 || timer === null) return;
        clearInterval(timer);
        timer = null;
      };
    },
  };
}

/** See {@link accessWatch}. */
export type AccessWatch = ReturnType<typeof accessWatch>;
