import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";

/** What an empty place is, why it is empty (`text`) and the next act (`action`). */
export function EmptyState(props: {
  title?: string;
  text?: ComponentChildren;
  action?: ComponentChildren;
  icon?: IconName;
}) {
  return (
    <div class="empty">
      {props.icon && (
        <span class="empty-icon">
          <Icon name={props.icon} />
        </span>
      )}
      {props.title && <h2>{props.title}</h2>}
      {props.text && <p>{props.text}</p>}
      {props.action && <div class="empty-action">{props.action}</div>}
    </div>
  );
}
