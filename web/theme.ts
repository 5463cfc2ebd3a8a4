import { computed, effect, signal, type ReadonlySignal } from "@preact/signals";
import { keepText, keptText } from "./browser-storage.ts";

/** What the user chose: the system's theme or one of the two. */
export type Theme = "system" | "light" | "dark";

const darkSystem = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(darkSystem.matches);
darkSystem.addEventListener("change", (change) => {
  systemIsDark.value = change.matches;
});

const kept = keptText("theme");
const chosen = signal<Theme>(kept === "light" || kept === "dark" ? kept : "system");

/** The user's choice. */
export const theme: ReadonlySignal<Theme> = chosen;

/** The theme on screen; charts redraw when it changes. */
export const resolvedTheme: ReadonlySignal<"light" | "dark"> = computed(() =>
  chosen.value === "system" ? (systemIsDark.value ? "dark" : "light") : chosen.value,
);

/** Chooses a theme and keeps the choice in this browser. */
export function setTheme(next: Theme): void {
  keepText("theme", next);
  chosen.value = next;
}

/** Writes the theme on the document and follows every change of it. */
export function followTheme(): void {
  effect(() => {
    document.documentElement.dataset["theme"] = resolvedTheme.value;
  });
}
