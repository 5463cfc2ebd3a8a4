import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, apiClient } from "@simpletuner-cloud/contract/client.ts";
import { streamOpened, streamReady } from "./live.ts";
import { fetchSignedIn } from "./signing-in.ts";

export { ApiError };

/** Typed caller of this server: `await call("GET /api/cloud/jobs", { query })`. Fails with {@link ApiError}. */
export const call = apiClient("", {}, fetchSignedIn);

/** What a screen knows about something it loads. */
export interface Loaded<T> {
  /** The last good answer; kept while it is loaded again. */
  data: T | null;
  /** Why the last load failed, else null. */
  error: Error | null;
  loading: boolean;
  reload: () => void;
}

/** Options of {@link useLoad}. */
export interface LoadOptions {
  /** Keep showing the old answer while changed `deps` load; default false. */
  keepPrevious?: boolean;
}

/**
 * Loads with `load` whenever `deps` change, and again when the event stream was reopened since, so that
 * nothing missed during a break stays on screen. Overtaken loads are aborted.
 */
export function useLoad<T>(
  load: (signal: AbortSignal) => Promise<T>,
  deps: readonly unknown[],
  options: LoadOptions = {},
): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, "reload">>({ data: null, error: null, loading: true });
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => setRound((count) => count + 1), []);
  const lastDeps = useRef(deps);
  useEffect(() => {
    const abort = new AbortController();
    const sameThing = lastDeps.current.every((value, place) => Object.is(value, deps[place]));
    lastDeps.current = deps;
    setState((old) => ({
      data: sameThing || options.keepPrevious ? old.data : null,
      error: sameThing ? old.error : null,
      loading: true,
    }));
    let startedAtOpening = -1;
    void streamReady()
      .then(() => {
        startedAtOpening = streamOpened.peek();
        return latest.current(abort.signal);
      })
      .then(
        (data) => {
          if (!abort.signal.aborted) setState({ data, error: null, loading: false });
        },
        (error: unknown) => {
          if (!abort.signal.aborted)
            setState((old) => ({ data: old.data, error: asError(error), loading: false }));
        },
      );
    const stop = streamOpened.subscribe((opened) => {
      if (startedAtOpening >= 0 && opened > startedAtOpening) queueMicrotask(reload);
    });
    return () => {
      abort.abort();
      stop();
    };
  }, [...deps, round]);
  return { ...state, reload };
}

/** Any thrown thing as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
