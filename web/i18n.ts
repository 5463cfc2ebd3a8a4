import { computed, signal, type ReadonlySignal } from "@preact/signals";
import { keepText, keptText } from "./browser-storage.ts";

/** Languages of the user interface, each by its own name. */
export const languages = { en: "English", hi: "हिन्दी" } as const;
/** One of {@link languages}. */
export type Language = keyof typeof languages;

function firstLanguage(): Language {
  const kept = keptText("language");
  if (kept === "en" || kept === "hi") return kept;
  return navigator.language.toLowerCase().startsWith("hi") ? "hi" : "en";
}

const chosen = signal<Language>(firstLanguage());

/** The language on screen; every text and number follows it without a reload. */
export const language: ReadonlySignal<Language> = chosen;

/** Switches the language and keeps the choice in this browser. */
export function setLanguage(next: Language): void {
  keepText("language", next);
  document.documentElement.lang = next;
  chosen.value = next;
}

/** BCP 47 tag for `Intl`: the browser's own regional variant of the language where it has one. */
export const locale: ReadonlySignal<string> = computed(() => {
  const fallback = chosen.value === "hi" ? "hi-IN" : "en";
  return navigator.languages.find((tag) => tag.toLowerCase().startsWith(chosen.value)) ?? fallback;
});

type Placeholders<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : never;
type Value = string | number;
type Values<Text extends string> = [Placeholders<Text>] extends [never]
  ? [values?: Record<string, Value>]
  : [values: Record<Placeholders<Text>, Value>];
type PluralStem<Key> = Key extends `${infer Stem}_other` ? Stem : never;
type PluralValues<Text extends string> = [Exclude<Placeholders<Text>, "n">] extends [never]
  ? [values?: Record<string, Value>]
  : [values: Record<Exclude<Placeholders<Text>, "n">, Value>];
type Texts = Record<string, string>;
type TextAt<T extends Texts, Key> = Key extends keyof T ? T[Key] : never;

/** Looks texts up in the current language; see {@link words}. */
export interface Translate<T extends Texts> {
  /** The text of `key` with `{name}` filled from `values`; numbers are written in the language's own way. */
  <K extends keyof T & string>(key: K, ...values: Values<T[K]>): string;
  /** The plural form of `stem` that fits `count`; `{n}` is the count. */
  n<S extends PluralStem<keyof T & string>>(
    stem: S,
    count: number,
    ...values: PluralValues<TextAt<T, `${S}_other`>>
  ): string;
}

/** Only `{n}`, the count, may be left out by one language. */
type Named<Text> = Text extends string ? Exclude<Placeholders<Text>, "n"> : never;
type Same<One, Other> = [One, Other] extends [Other, One] ? true : false;
type Checked<T extends Texts, H extends Texts> = {
  [K in keyof H]: K extends keyof T ? (Same<Named<T[K]>, Named<H[K]>> extends true ? H[K] : never) : never;
};

/**
 * Makes the lookup of one catalogue. Hindi must have exactly English's keys and placeholders or it does not
 * compile; plural forms are keys ending in `_one` and `_other` (CLDR names), used by `t.n(stem, count)`.
 */
export function words<const T extends Texts, const H extends Record<keyof T & string, string>>(catalogue: {
  en: T;
  hi: H & Checked<T, NoInfer<H>>;
}): Translate<T> {
  const text = (key: string): string => (catalogue[chosen.value] as Texts)[key] ?? key;
  const translate = (key: string, values?: Record<string, Value>): string => fill(text(key), values ?? {});
  const plural = (stem: string, count: number, values?: Record<string, Value>): string => {
    const form = new Intl.PluralRules(chosen.value).select(count);
    const key = `${stem}_${form}` in catalogue.en ? `${stem}_${form}` : `${stem}_other`;
    return fill(text(key), { n: count, ...values });
  };
  return Object.assign(translate, { n: plural }) as Translate<T>;
}

function fill(text: string, values: Record<string, Value>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? formatNumber(value) : value;
  });
}

const formats = new Map<string, Intl.NumberFormat>();

function numberFormat(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale.value + JSON.stringify(options);
  const known = formats.get(key) ?? new Intl.NumberFormat(locale.value, options);
  formats.set(key, known);
  return known;
}

/** A number in the current language; `digits` = most digits after the point (default 2). */
export function formatNumber(value: number, digits = 2): string {
  return numberFormat({ maximumFractionDigits: digits }).format(value);
}

/** A number with `digits` significant digits, small ones in scientific form: 0.153, 1e-4. */
export function formatSignificant(value: number, digits = 3): string {
  const size = Math.abs(value);
  if (size !== 0 && size < 1e-3) return value.toExponential(digits - 1).replace(/\.?0+e/, "e");
  return numberFormat({ maximumSignificantDigits: digits }).format(value);
}

/** A share of 100 as whole percent: `formatPercent(41.6)` is `42%`. */
export function formatPercent(percent: number): string {
  return numberFormat({ style: "percent", maximumFractionDigits: 0 }).format(percent / 100);
}

/** US dollars; amounts below a cent keep four digits so that they do not read as free. */
export function formatMoney(usd: number): string {
  const digits = usd !== 0 && Math.abs(usd) < 0.01 ? 4 : 2;
  return numberFormat({
    style: "currency",
    currency: "USD",
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  }).format(usd);
}

const byteUnits = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Bytes in binary units (1 KiB = 1,024 B), three significant digits. */
export function formatBytes(bytes: number): string {
  let power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), byteUnits.length - 1);
  // 1,048,575 B would round to 1,024 KiB.
  if (Math.round(bytes / 1024 ** power) >= 1024 && power < byteUnits.length - 1) power += 1;
  const value = bytes / 1024 ** power;
  const digits = power === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${formatNumber(value, digits)} ${byteUnits[power]}`;
}

const durationUnits = {
  en: { day: "d", hour: "h", minute: "min", second: "s" },
  hi: { day: "दिन", hour: "घं॰", minute: "मि॰", second: "से॰" },
};

/** A length of time by its two largest units: `4 min 12 s`, `1 h 4 min`, `2 d 3 h`. */
export function formatDuration(seconds: number): string {
  const units = durationUnits[chosen.value];
  const whole = Math.max(0, Math.round(seconds));
  const parts = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
    small === 0
      ? `${formatNumber(large)} ${largeUnit}`
      : `${formatNumber(large)} ${largeUnit} ${small} ${smallUnit}`;
  if (whole < 60) return `${seconds > 0 && seconds < 1 ? "<1" : whole} ${units.second}`;
  if (whole < 3600) return parts(Math.floor(whole / 60), units.minute, whole % 60, units.second);
  const minutes = Math.round(whole / 60);
  if (minutes < 1440) return parts(Math.floor(minutes / 60), units.hour, minutes % 60, units.minute);
  const hours = Math.round(minutes / 60);
  return parts(Math.floor(hours / 24), units.day, hours % 24, units.hour);
}

const ageSteps: readonly [limitSeconds: number, unitSeconds: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [60, 1, "second"],
  [3600, 60, "minute"],
  [86_400, 3600, "hour"],
  [7 * 86_400, 86_400, "day"],
  [30 * 86_400, 7 * 86_400, "week"],
  [365 * 86_400, 30 * 86_400, "month"],
  [Number.POSITIVE_INFINITY, 365 * 86_400, "year"],
];

const ageFormats = new Map<string, Intl.RelativeTimeFormat>();

/** Making a format costs more than using it, and lists age every second. */
function ageFormat(): Intl.RelativeTimeFormat {
  const tag = locale.value;
  const known = ageFormats.get(tag) ?? new Intl.RelativeTimeFormat(tag, { numeric: "auto", style: "short" });
  ageFormats.set(tag, known);
  return known;
}

/** How long ago `at` (ISO instant) was, seen from `nowMs`: `3 min ago`; up to ten seconds is `now`. */
export function formatAge(at: string | Date, nowMs: number = Date.now()): string {
  const seconds = (nowMs - new Date(at).getTime()) / 1000;
  const format = ageFormat();
  if (Math.abs(seconds) < 10) return format.format(0, "second");
  const [, unitSeconds, unit] =
    ageSteps.find(([limit]) => Math.abs(seconds) < limit) ?? ([0, 1, "second"] as const);
  return format.format(-Math.trunc(seconds / unitSeconds), unit);
}

/** Date and time of `at` (ISO instant) in the reader's own time zone, to the second. */
export function formatInstant(at: string | Date): string {
  return new Intl.DateTimeFormat(locale.value, { dateStyle: "medium", timeStyle: "medium" }).format(
    new Date(at),
  );
}

/** Time of day of `at`, hours and minutes. */
export function formatClock(at: string | Date): string {
  return new Intl.DateTimeFormat(locale.value, { timeStyle: "short" }).format(new Date(at));
}
