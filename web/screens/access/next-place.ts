import type { Route } from "../../router.ts";

/** Pages of their own, where nobody wants to be after signing in. */
const entrances = new Set(["/login", "/register", "/setup", "/invite"]);

/**
 * Where to go after signing in: the page that was asked for, or what `next` of `/login` names. Only addresses of this
 * server count: a link must not lead a user who has just signed in to another one.
 */
export function nextPlace({ path, query }: Route): string {
  if (!entrances.has(path)) return query.size > 0 ? `${path}?${query}` : path;
  const next = query.get("next") ?? "/";
  const url =
    /^\/(?![/\\])/.test(next) && URL.canParse(next, "http://here") ? new URL(next, "http://here") : null;
  if (url?.host !== "here" || entrances.has(url.pathname)) return "/";
  return url.pathname + url.search + url.hash;
}
