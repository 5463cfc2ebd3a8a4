import type { CSSProperties } from "preact";
import type { LogLine } from "@simpletuner-cloud/contract/logs.ts";
import { resolvedTheme } from "../theme.ts";
import { parseAnsi, type AnsiColour, type AnsiSpan } from "./log-view-ansi.ts";
import { contrast, hex, logGrounds, readableColour } from "./log-view-colour.ts";
import { marked, type MarkedSpan } from "./log-view-match.ts";
import { t } from "./log-view-words.ts";

/** What a row shows besides its line. */
export interface LogRowLook {
  query: string;
  times: boolean;
  /** Part of the range in the address. */
  chosen: boolean;
  /** The current search hit. */
  current: boolean;
}

const parsed = new WeakMap<LogLine, AnsiSpan[]>();

function spansOf(line: LogLine): AnsiSpan[] {
  const known = parsed.get(line);
  if (known) return known;
  const made = parseAnsi(line.text);
  parsed.set(line, made);
  return made;
}

/** One line of the log; `href` is the address of this line, `row` its place when the line is not loaded yet. */
export function LogRow(props: {
  line: LogLine | undefined;
  href: string | null;
  look: LogRowLook;
  onNumber: (line: number, extend: boolean) => void;
}) {
  const { line, look, href } = props;
  if (!line || href === null) return <div class="log-row log-row-loading">{t("line_loading")}</div>;
  const state = `${look.chosen ? "is-chosen" : ""} ${look.current ? "is-current" : ""}`;
  return (
    <div class={`log-row log-${line.level} ${state}`}>
      <a
        class="log-number"
        href={href}
        aria-label={t("line", { line: line.line })}
        tabIndex={look.chosen || look.current ? 0 : -1}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.button !== 0) return;
          event.preventDefault();
          props.onNumber(line.line, event.shiftKey);
        }}
      >
        {line.line}
      </a>
      {look.times && <time class="log-time">{clockOf(line.at)}</time>}
      <span class="log-text">{marked(spansOf(line), look.query).map(drawSpan)}</span>
    </div>
  );
}

/** Time of day in the reader's zone to the millisecond, always equally wide. */
function clockOf(at: string): string {
  const date = new Date(at);
  const two = (value: number): string => String(value).padStart(2, "0");
  const milliseconds = String(date.getMilliseconds()).padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}

function drawSpan(span: MarkedSpan, place: number) {
  const look = looksOf(span);
  if (span.hit) {
    return (
      <mark key={place} {...look}>
        {span.text}
      </mark>
    );
  }
  if (!look) return span.text;
  return (
    <span key={place} {...look}>
      {span.text}
    </span>
  );
}

/** Classes and colours of a span, null for plain text. Colours are set through the style object, never as markup. */
function looksOf({ style }: AnsiSpan): { class: string; style: CSSProperties } | null {
  const [front, back] = style.inverse
    ? [style.background, style.foreground]
    : [style.foreground, style.background];
  const classes: string[] = [];
  const css: Record<string, string> = {};
  if (front) colour(front, classes, css, style.inverse || back !== null);
  if (back) ground(back, classes, css, front === null);
  if (style.inverse && !front && !back) classes.push("ansi-inverse");
  for (const name of ["bold", "dim", "italic", "underline", "strike"] as const) {
    if (style[name]) classes.push(`ansi-${name}`);
  }
  if (classes.length === 0 && Object.keys(css).length === 0) return null;
  return { class: classes.join(" "), style: css };
}

function colour(wanted: AnsiColour, classes: string[], css: Record<string, string>, exact: boolean): void {
  if ("named" in wanted) classes.push(`ansi-${wanted.named}`);
  // On a ground of its own the program chose both colours; on ours the text must stay readable.
  else css["color"] = exact ? hex(wanted.rgb) : readableColour(wanted.rgb, logGrounds[resolvedTheme.value]);
}

function ground(
  wanted: AnsiColour,
  classes: string[],
  css: Record<string, string>,
  chooseText: boolean,
): void {
  classes.push("ansi-ground");
  if ("named" in wanted) {
    classes.push(`ansi-ground-${wanted.named}`);
    return;
  }
  css["background"] = hex(wanted.rgb);
  if (chooseText) css["color"] = contrast(wanted.rgb, 0xffffff) >= 4.5 ? "#ffffff" : "#000000";
}
