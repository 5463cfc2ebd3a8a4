import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { route } from "../router.ts";

let focusedPath: string | null = null;

/**
 * A page: its document title, its one h1 (`heading`, default the title) and its actions. After a change of
 * page the h1 takes the focus, so that keyboard and screen reader start there.
 */
export function Page(props: {
  title: string;
  heading?: ComponentChildren;
  /** Stands above the h1: where the page belongs. */
  above?: ComponentChildren;
  actions?: ComponentChildren;
  children?: ComponentChildren;
  class?: string;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${props.title} · SimpleTuner Cloud`;
  }, [props.title]);
  const path = route.value.path;
  useEffect(() => {
    if (focusedPath !== null && focusedPath !== path) heading.current?.focus({ preventScroll: true });
    focusedPath = path;
  }, [path]);
  return (
    <div class={`page ${props.class ?? ""}`}>
      {props.above}
      <header class="page-head">
        <h1 ref={heading} tabIndex={-1}>
          {props.heading ?? props.title}
        </h1>
        {props.actions && <div class="page-actions">{props.actions}</div>}
      </header>
      {props.children}
    </div>
  );
}
