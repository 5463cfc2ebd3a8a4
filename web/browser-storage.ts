/** The text kept under `key` in localStorage, or null when there is none or the browser keeps nothing. */
export function keptText(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Keeps `text` under `key` in localStorage; a browser that keeps nothing is not an error. */
export function keepText(key: string, text: string): void {
  try {
    localStorage.setItem(key, text);
  } catch {
    // Private windows and full quotas refuse; the choice then lasts as long as the page.
  }
}

/** The value kept under `key` for this tab, or null; a value that does not parse counts as none. */
export function tabValue<T>(key: string): T | null {
  try {
    const text = sessionStorage.getItem(key);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

/** Keeps `value` as JSON under `key` for this tab, or forgets the key when `value` is null. */
export function keepTabValue(key: string, value: unknown): void {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // See keepText: the draft is then only as old as the page.
  }
}
