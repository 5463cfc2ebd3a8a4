import type { PartialAnchorHTMLAttributes, ComponentChildren, TargetedMouseEvent } from "preact";
import { navigate } from "../router.ts";

/** What {@link Link} takes besides the attributes of an anchor. */
export interface LinkProps extends Omit<PartialAnchorHTMLAttributes<HTMLAnchorElement>, "href" | "role"> {
  href: string;
  children?: ComponentChildren;
  /** Replace the current history entry instead of adding one. */
  replace?: boolean;
}

/** An anchor that changes the page without loading a document; modified clicks stay the browser's. */
export function Link({ href, replace, onClick, ...rest }: LinkProps) {
  const follow = (event: TargetedMouseEvent<HTMLAnchorElement>): void => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(href, replace ? { replace } : {});
  };
  return <a href={href} onClick={follow} {...rest} />;
}
