import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { asError } from "./api.ts";
import { ErrorBox } from "./components/error-box.tsx";
import { Skeleton } from "./components/skeleton.tsx";

/** A screen whose code is loaded when it is first needed. */
export interface LazyScreen<P> {
  Screen: ComponentType<P>;
  /** Starts loading before it is needed; a failure shows when the screen opens. */
  prefetch: () => void;
}

/** Makes a {@link LazyScreen} of a module's import and the export's name. */
export function lazyScreen<P extends object>(load: () => Promise<ComponentType<P>>): LazyScreen<P> {
  let loaded: ComponentType<P> | null = null;
  let loading: Promise<ComponentType<P>> | null = null;
  const start = (): Promise<ComponentType<P>> => {
    loading ??= load().then(
      (component) => (loaded = component),
      (error: unknown) => {
        loading = null;
        throw error;
      },
    );
    return loading;
  };
  const Screen = (props: P) => {
    const [, setReady] = useState(loaded !== null);
    const [error, setError] = useState<Error | null>(null);
    const begin = (): void => {
      setError(null);
      start().then(
        () => setReady(true),
        (thrown: unknown) => setError(asError(thrown)),
      );
    };
    useEffect(() => {
      if (!loaded) begin();
    }, []);
    const Loaded = loaded;
    if (Loaded) return <Loaded {...props} />;
    return (
      <div class="page">{error ? <ErrorBox error={error} onRetry={begin} /> : <Skeleton lines={6} />}</div>
    );
  };
  return { Screen, prefetch: () => void start().catch(() => undefined) };
}
