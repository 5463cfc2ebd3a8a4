import type { ButtonHTMLAttributes, ComponentChildren } from "preact";
import { Icon, type IconName } from "./icon.tsx";
import { Link, type LinkProps } from "./link.tsx";

/** Weight of a button: one `primary` a screen, `danger` for what cannot be taken back. */
export type ButtonKind = "primary" | "secondary" | "danger" | "quiet";

interface Look {
  kind?: ButtonKind;
  size?: "small" | "large";
  icon?: IconName;
  children?: ComponentChildren;
}

/** What {@link Button} takes besides the attributes of a button. */
export type ButtonProps = Look &
  Omit<ButtonHTMLAttributes, "size" | "icon"> & {
    /** Shows a spinner and ignores clicks while the action runs; the button keeps focus and width. */
    busy?: boolean;
  };

function lookClass({ kind = "secondary", size, class: className }: Look & { class?: unknown }): string {
  return `button button-${kind} ${size ? `button-${size}` : ""} ${typeof className === "string" ? className : ""}`;
}

/** A push button. */
export function Button({
  kind,
  size,
  icon,
  busy,
  children,
  class: className,
  onClick,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      class={lookClass({ ...(kind && { kind }), ...(size && { size }), class: className })}
      aria-busy={busy ? "true" : undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {busy ? <span class="spinner" aria-hidden="true" /> : icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A link that looks like a button, for actions that are places. */
export function ButtonLink({ kind, size, icon, children, class: className, ...rest }: Look & LinkProps) {
  return (
    <Link {...rest} class={lookClass({ ...(kind && { kind }), ...(size && { size }), class: className })}>
      {icon && <Icon name={icon} />}
      {children}
    </Link>
  );
}

/** A square button with an icon only; `label` is its name and its tooltip. */
export function IconButton({
  icon,
  label,
  class: className,
  ...rest
}: Omit<ButtonHTMLAttributes, "icon" | "label"> & { icon: IconName; label: string }) {
  return (
    <button
      type="button"
      title={label}
      aria-label={label}
      {...rest}
      class={`button button-quiet button-icon ${typeof className === "string" ? className : ""}`}
    >
      <Icon name={icon} />
    </button>
  );
}
