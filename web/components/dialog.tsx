import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { IconButton } from "./button.tsx";
import { t } from "./words.ts";

/**
 * A modal dialog while `open`: focus goes in and comes back to its opener, Esc and the backdrop close it.
 * `actions` are its buttons, the safe one first.
 */
export function Dialog(props: {
  open: boolean;
  title: string;
  onClose: () => void;
  children?: ComponentChildren;
  actions?: ComponentChildren;
  wide?: boolean;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    if (!props.open) return;
    const opener = document.activeElement;
    // Dialogs that are taken out of the page instead of being closed would leave the focus nowhere.
    return () => {
      const lost = document.activeElement === null || document.activeElement === document.body;
      if (lost && opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, [props.open]);
  useEffect(() => {
    const dialog = element.current;
    if (!dialog || dialog.open === props.open) return;
    if (props.open) dialog.showModal();
    else dialog.close();
  }, [props.open]);
  return (
    <dialog
      ref={element}
      class={`dialog ${props.wide ? "dialog-wide" : ""}`}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) props.onClose();
      }}
    >
      {props.open && (
        <div class="dialog-body">
          <header class="dialog-head">
            <h2 id={titleId}>{props.title}</h2>
            <IconButton icon="cross" label={t("close")} onClick={props.onClose} />
          </header>
          <div class="dialog-content">{props.children}</div>
          {props.actions && <footer class="dialog-actions">{props.actions}</footer>}
        </div>
      )}
    </dialog>
  );
}
