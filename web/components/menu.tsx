import { useEffect, useId, useRef, useState } from "preact/hooks";
import { IconButton } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";

/** One act of a menu. */
export interface MenuItem {
  key: string;
  icon: IconName;
  text: string;
  run: () => void;
  danger?: boolean;
}

function List({
  items,
  id,
  anchor,
  onClose,
}: {
  items: readonly MenuItem[];
  id: string;
  anchor: HTMLElement;
  onClose: () => void;
}) {
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    element.showPopover();
    const place = anchor.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = element;
    const below = place.bottom + 4 + offsetHeight <= innerHeight;
    element.style.top = `${below ? place.bottom + 4 : place.top - offsetHeight - 4}px`;
    element.style.left = `${Math.max(8, Math.min(place.right - offsetWidth, innerWidth - offsetWidth - 8))}px`;
    element.querySelector("button")?.focus();
  }, []);
  const move = (event: KeyboardEvent): void => {
    const buttons = [...(list.current?.querySelectorAll("button") ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    buttons.at(to % buttons.length)?.focus();
  };
  return (
    <div
      ref={list}
      id={id}
      class="menu"
      role="menu"
      popover="auto"
      onKeyDown={move}
      onToggle={(event) => {
        if (event.newState === "closed") onClose();
      }}
    >
      {items.map((item) => (
        <button
          key={item.key}
          type="button"
          role="menuitem"
          tabIndex={-1}
          class={item.danger ? "menu-danger" : ""}
          onClick={(event) => {
            event.stopPropagation();
            list.current?.hidePopover();
            anchor.focus();
            item.run();
          }}
        >
          <Icon name={item.icon} />
          {item.text}
        </button>
      ))}
    </div>
  );
}

/** A button, of three dots or of another icon, that opens a menu; arrows move in it, Esc and a click elsewhere close it. */
export function MenuButton({
  label,
  items,
  icon = "more",
}: {
  label: string;
  items: readonly MenuItem[];
  icon?: IconName;
}) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null);
  const opener = useRef<HTMLElement | null>(null);
  const id = useId();
  const close = (): void => {
    setAnchor(null);
    if (document.activeElement === document.body) opener.current?.focus();
  };
  return (
    <>
      <IconButton
        icon={icon}
        label={label}
        aria-haspopup="menu"
        aria-expanded={anchor !== null}
        onClick={(event) => {
          event.stopPropagation();
          opener.current = event.currentTarget;
          setAnchor(anchor ? null : event.currentTarget);
        }}
      />
      {anchor && <List items={items} id={id} anchor={anchor} onClose={close} />}
    </>
  );
}
