import { signal, type ReadonlySignal } from "@preact/signals";

/** Where the user is: the path without a trailing slash, and the query. */
export interface Route {
  path: string;
  query: URLSearchParams;
}

interface KeptState {
  scrollY?: number;
}

const current = signal<Route>(readLocation());

/** The current place; changes with every navigation and with the browser's back and forward. */
export const route: ReadonlySignal<Route> = current;

function readLocation(): Route {
  const path = location.pathname.replace(/\/+$/, "") || "/";
  return { path, query: new URLSearchParams(location.search) };
}

/** Goes to `to` (a path of this product with optional query and #fragment). */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  keepScroll();
  if (options.replace) history.replaceState(history.state, "", to);
  else history.pushState({}, "", to);
  const next = readLocation();
  const samePage = next.path === current.value.path;
  current.value = next;
  if (!options.replace && !samePage) scrollTo(0, 0);
}

/** Changes only the named parameters of the query (null removes one); the page and scroll place stay. */
export function setQuery(changes: Record<string, string | null>, options: { replace?: boolean } = {}): void {
  navigate(hrefWith(changes), options);
}

/** The address of this page with the named parameters changed, for links. */
export function hrefWith(changes: Record<string, string | null>): string {
  const { path } = current.value;
  const query = new URLSearchParams(current.value.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  return query.size > 0 ? `${path}?${query}` : path;
}

function keepScroll(): void {
  const state: KeptState = { ...(history.state as KeptState | null), scrollY };
  history.replaceState(state, "");
}

/** Starts following the browser's history; call once before the first render. */
export function startRouter(): void {
  history.scrollRestoration = "manual";
  addEventListener("pagehide", keepScroll);
  addEventListener("popstate", (event) => {
    current.value = readLocation();
    restoreScroll((event.state as KeptState | null)?.scrollY ?? 0);
  });
  restoreScroll((history.state as KeptState | null)?.scrollY ?? 0);
}

/** Content arrives after the page does, so the old place is tried again until it can be reached. */
function restoreScroll(target: number): void {
  scrollTo(0, target);
  if (target === 0) return;
  const startedAt = performance.now();
  const path = current.value.path;
  const tryAgain = (): void => {
    if (current.value.path !== path || performance.now() - startedAt > 1500) return;
    scrollTo(0, target);
    if (Math.abs(scrollY - target) > 2) requestAnimationFrame(tryAgain);
  };
  requestAnimationFrame(tryAgain);
}
