/** A colour of the terminal: one of 16 named by the theme, or an exact one as 0xRRGGBB. */
export type AnsiColour = { named: number } | { rgb: number };

/** How a stretch of text looks. */
export interface AnsiStyle {
  foreground: AnsiColour | null;
  background: AnsiColour | null;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  strike: boolean;
  inverse: boolean;
}

/** Text without any control character, and its look. */
export interface AnsiSpan {
  text: string;
  style: AnsiStyle;
}

/** The look of text before any colour code. */
export const plainStyle: AnsiStyle = {
  foreground: null,
  background: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
};

const escape = "\u001b";
/**
 * Control sequences by ECMA-48: CSI … final byte; OSC and other strings up to BEL or ST; two-byte escapes.
 * The parts are bounded by character class so that hostile input cannot make matching slow.
 */
const sequence = new RegExp(
  `${escape}(?:\\[([0-9:;<=>?]*)([ -/]*)([@-~])|[\\]PX^_][^${escape}\\u0007]*(?:\\u0007|${escape}\\\\)?|[ -/]*[0-~])|${escape}`,
  "g",
);
/** C0 and C1 controls; tab is kept. */
const controls = /[^\P{Cc}\t]/gu;

/**
 * Splits one log line into styled spans. Understands SGR colours (16, 256, truecolour) and text attributes;
 * every other control sequence is dropped. Of a line that was overwritten with carriage returns the last writing
 * stays, as on a terminal.
 */
export function parseAnsi(line: string): AnsiSpan[] {
  const text = lastWriting(line);
  if (!text.includes(escape)) return spanOf(text, plainStyle);
  const spans: AnsiSpan[] = [];
  let style = plainStyle;
  let from = 0;
  for (const match of text.matchAll(sequence)) {
    spans.push(...spanOf(text.slice(from, match.index), style));
    from = match.index + match[0].length;
    if (match[3] === "m" && !match[2]) style = restyled(style, match[1] ?? "");
  }
  spans.push(...spanOf(text.slice(from), style));
  return spans;
}

/** The line as plain text, for copying and searching. */
export function plainText(line: string): string {
  return parseAnsi(line)
    .map((span) => span.text)
    .join("");
}

/** True when the style differs from plain text in any way. */
export function isStyled(style: AnsiStyle): boolean {
  return style !== plainStyle && JSON.stringify(style) !== JSON.stringify(plainStyle);
}

function spanOf(text: string, style: AnsiStyle): AnsiSpan[] {
  const clean = text.replace(controls, "");
  return clean === "" ? [] : [{ text: clean, style }];
}

/** What is left on a terminal line after carriage returns: each writing covers the start of the one before. */
function lastWriting(line: string): string {
  const trimmed = line.replace(/\r+$/, "");
  const at = trimmed.lastIndexOf("\r");
  return at < 0 ? trimmed : trimmed.slice(at + 1);
}

function restyled(style: AnsiStyle, parameters: string): AnsiStyle {
  const codes = parameters === "" ? [0] : parameters.split(/[;:]/).map(Number);
  let next = style;
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index] ?? 0;
    if (code === 38 || code === 48) {
      const [colour, used] = extendedColour(codes, index + 1, parameters.includes(":"));
      if (colour) next = { ...next, [code === 38 ? "foreground" : "background"]: colour };
      index += used;
    } else {
      next = withCode(next, code);
    }
  }
  return next;
}

/** Reads `5;n` or `2;r;g;b` (with colons also `2::r:g:b`); answers the colour and how many codes it took. */
function extendedColour(codes: readonly number[], at: number, colons: boolean): [AnsiColour | null, number] {
  if (codes[at] === 5) return [indexedColour(codes[at + 1] ?? Number.NaN), 2];
  if (codes[at] !== 2) return [null, 1];
  const first = at + 1 + (colons && codes.length - at >= 5 ? 1 : 0);
  const parts = [codes[first], codes[first + 1], codes[first + 2]];
  const used = first + 3 - at;
  if (!parts.every(isByte)) return [null, used];
  const [red = 0, green = 0, blue = 0] = parts;
  return [{ rgb: (red << 16) | (green << 8) | blue }, used];
}

/** Colour n of the 256: 16 named, a 6x6x6 cube (levels 0, 95, 135 … 255), 24 greys. */
export function indexedColour(index: number): AnsiColour | null {
  if (!isByte(index)) return null;
  if (index < 16) return { named: index };
  if (index >= 232) return { rgb: (8 + (index - 232) * 10) * 0x010101 };
  const cube = index - 16;
  const level = (step: number): number => (step === 0 ? 0 : 55 + step * 40);
  return {
    rgb: (level(Math.floor(cube / 36)) << 16) | (level(Math.floor(cube / 6) % 6) << 8) | level(cube % 6),
  };
}

function isByte(value: number | undefined): value is number {
  return value !== undefined && Number.isInteger(value) && value >= 0 && value <= 255;
}

const attributes: Record<number, Partial<AnsiStyle>> = {
  0: plainStyle,
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  9: { strike: true },
  21: { underline: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  29: { strike: false },
  39: { foreground: null },
  49: { background: null },
};

function withCode(style: AnsiStyle, code: number): AnsiStyle {
  if (code === 0) return plainStyle;
  const change = attributes[code];
  if (change) return { ...style, ...change };
  if (code >= 30 && code <= 37) return { ...style, foreground: { named: code - 30 } };
  if (code >= 90 && code <= 97) return { ...style, foreground: { named: code - 82 } };
  if (code >= 40 && code <= 47) return { ...style, background: { named: code - 40 } };
  if (code >= 100 && code <= 107) return { ...style, background: { named: code - 92 } };
  return style;
}
