import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Button, IconButton } from "./button.tsx";
import { Icon, type IconName } from "./icon.tsx";
import { t } from "./words.ts";

/** A short message; errors stay until closed, the others `seconds` (default 6, with an action 8). */
export interface Toast {
  kind: "success" | "info" | "warning" | "error";
  text: string;
  action?: { label: string; run: () => void };
  seconds?: number;
}

const shown = signal<(Toast & { id: number })[]>([]);
let lastId = 0;

/** Shows a message at the bottom start, at most three at once; the answer takes it away again. */
export function toast(message: Toast): () => void {
  lastId += 1;
  const id = lastId;
  shown.value = [...shown.value, { ...message, id }].slice(-3);
  return () => dismiss(id);
}

function dismiss(id: number): void {
  shown.value = shown.value.filter((entry) => entry.id !== id);
}

const icons: Record<Toast["kind"], IconName> = {
  success: "tick",
  info: "info",
  warning: "warning",
  error: "fail",
};

function ToastCard({ entry }: { entry: Toast & { id: number } }) {
  const timer = useRef(0);
  const start = (): void => {
    if (entry.kind === "error") return;
    const seconds = entry.seconds ?? (entry.action ? 8 : 6);
    timer.current = window.setTimeout(() => dismiss(entry.id), seconds * 1000);
  };
  const hold = (): void => clearTimeout(timer.current);
  useEffect(() => {
    start();
    return hold;
  }, []);
  return (
    <div
      class={`toast toast-${entry.kind}`}
      role={entry.kind === "error" ? "alert" : "status"}
      onPointerEnter={hold}
      onPointerLeave={start}
      onFocusIn={hold}
      onFocusOut={start}
    >
      <Icon name={icons[entry.kind]} />
      <p>{entry.text}</p>
      {entry.action && (
        <Button
          size="small"
          onClick={() => {
            entry.action?.run();
            dismiss(entry.id);
          }}
        >
          {entry.action.label}
        </Button>
      )}
      <IconButton icon="cross" label={t("dismiss")} onClick={() => dismiss(entry.id)} />
    </div>
  );
}

/** The place where toasts appear; once in the shell. */
export function ToastArea() {
  return (
    <section class="toasts" aria-label={t("notifications")}>
      {shown.value.map((entry) => (
        <ToastCard key={entry.id} entry={entry} />
      ))}
    </section>
  );
}
