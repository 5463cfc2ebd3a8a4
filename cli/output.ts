import { stripVTControlCharacters, styleText } from "node:util";
import type { TextSink } from "./io.ts";

/** How a command prints its result. */
export type OutputFormat = "table" | "json";

type Style = Parameters<typeof styleText>[0];

/** `text` in `style` where the sink shows colours, else as it is. */
export function styled(sink: TextSink, style: Style, text: string): string {
  return sink.hasColors ? styleText(style, text, { validateStream: false }) : text;
}

/** Writes one line. */
export function printLine(sink: TextSink, text = ""): void {
  sink.write(`${text}\n`);
}

/** Writes a value as indented JSON. */
export function printJson(sink: TextSink, value: unknown): void {
  sink.write(`${JSON.stringify(value, null, 2)}\n`);
}

const units = ["B", "kB", "MB", "GB", "TB"] as const;

/** Bytes for people in decimal units: `999 B`, `1.2 MB`, `48 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** Seconds for people: `4 s`, `3 min 5 s`, `2 h 10 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** An instant of the API for people: `2026-01-31 10:20` in this machine's time zone. */
export function formatTime(iso: string): string {
  const at = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** A whole number with thousands separated: `12,345`. */
export function formatCount(value: number): string {
  return value.toLocaleString("en-US");
}

/** `1 file`, `2 files`. */
export function counted(count: number, singular: string): string {
  return `${formatCount(count)} ${singular}${count === 1 ? "" : "s"}`;
}

/** US dollars with two digits, four below a cent so that they do not read as free: `$1,234.50`, `$0.0042`. */
export function formatUsd(usd: number): string {
  const digits = usd !== 0 && Math.abs(usd) < 0.01 ? 4 : 2;
  return `$${usd.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

const segments = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Characters of `text` as a terminal counts them, escape sequences left out. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const _ of segments.segment(stripVTControlCharacters(text))) width++;
  return width;
}

/** `text` cut to `width` characters with an ellipsis; control characters, which could move the cursor, become spaces. */
export function clipped(text: string, width: number): string {
  const plain = withoutControls(text);
  if (displayWidth(plain) <= width) return plain;
  const kept = [...segments.segment(plain)].slice(0, Math.max(0, width - 1)).map((part) => part.segment);
  return `${kept.join("")}…`;
}

/** `text` without anything that a terminal would act on: names and log lines come from files and programs. */
export function withoutControls(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\u2028\u2029]+/gu, " ");
}

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly alignRight?: boolean;
  /** Widest the column may get; longer values are cut. */
  readonly maxWidth?: number;
  readonly style?: (row: Row) => Style;
}

/** Prints rows under their titles, columns two spaces apart, each as wide as its longest value. */
export function printTable<Row>(sink: TextSink, rows: readonly Row[], columns: readonly Column<Row>[]): void {
  const cells = rows.map((row) => columns.map((c) => clipped(c.value(row), c.maxWidth ?? 60)));
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...cells.map((line) => displayWidth(line[at] ?? ""))),
  );
  const print = (line: readonly string[], style: (at: number) => Style | undefined): void => {
    const padded = line.map((cell, at) => {
      const fill = " ".repeat((widths[at] ?? 0) - displayWidth(cell));
      const last = at === line.length - 1;
      const text = columns[at]?.alignRight ? fill + cell : last ? cell : cell + fill;
      const wanted = style(at);
      return wanted === undefined ? text : styled(sink, wanted, text);
    });
    printLine(sink, padded.join("  ").trimEnd());
  };
  print(
    columns.map((column) => column.title),
    () => "bold",
  );
  rows.forEach((row, index) => print(cells[index] ?? [], (at) => columns[at]?.style?.(row)));
}
