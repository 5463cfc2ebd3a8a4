const browsers: readonly [name: string, pattern: RegExp][] = [
  ["Edge", /\bEdg(?:e|A|iOS)?\//],
  ["Opera", /\bOPR\//],
  ["Firefox", /\b(?:Firefox|FxiOS)\//],
  ["Chrome", /(?:Chrome|CriOS|Chromium)\//],
  ["Safari", /\bSafari\//],
];
const systems: readonly [name: string, pattern: RegExp][] = [
  ["Android", /Android/],
  ["iOS", /iPhone|iPad/],
  ["Windows", /Windows/],
  ["macOS", /Mac OS X|Macintosh/],
  ["Linux", /Linux|X11/],
];

/** A browser and its system by what it calls itself: `Firefox, Linux`; the first word of other programs; null for none. */
export function programName(userAgent: string): string | null {
  const find = (list: typeof browsers): string | undefined =>
    list.find(([, pattern]) => pattern.test(userAgent))?.[0];
  const browser = find(browsers);
  if (browser === undefined) return /^[\w.-]{1,40}/.exec(userAgent)?.[0] ?? null;
  return [browser, find(systems)].filter((part) => part !== undefined).join(", ");
}
