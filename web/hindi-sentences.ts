import { errorTable } from "@simpletuner-cloud/contract/error-table.ts";
import { hindiErrors } from "./hindi-errors.ts";
import { hindiPhrases } from "./hindi-phrases.ts";

interface Template {
  code: string | null;
  pattern: RegExp;
  names: readonly string[];
  hindi: string;
}

/** Details that are words rather than names. */
const wordy = new Set(["reason", "problem", "advice", "action", "change", "said", "status", "allowed"]);
/** A template with fewer letters of its own would fit nearly anything. */
const fewestLetters = 6;
/** A sentence in a sentence in a sentence. */
const deepest = 3;

const templates: readonly Template[] = [
  ...Object.entries(hindiErrors).flatMap(([code, hindi]) => {
    const english = (errorTable as Readonly<Record<string, readonly [number, string]>>)[code]?.[1];
    return english === undefined ? [] : [templateOf(english, hindi, code)];
  }),
  ...hindiPhrases.map(([english, hindi]) => templateOf(english, hindi, null)),
];

function templateOf(english: string, hindi: string, code: string | null): Template {
  const names: string[] = [];
  const pattern = english
    .replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&")
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      names.push(name);
      return "(.+?)";
    });
  const own = english.replaceAll(/\{\w+\}/g, "").replaceAll(/[^A-Za-z]/g, "");
  // With its code known it fits all the same.
  return {
    code: own.length < fewestLetters ? `only ${code}` : code,
    pattern: new RegExp(`^${pattern}$`, "s"),
    names,
    hindi,
  };
}

/** What the server wrote in English, in Hindi; null where it is not known in it. */
export function hindiSentence(text: string, code: string | null = null, depth = 0): string | null {
  const byCode = templates.filter(
    (template) => code !== null && [code, `only ${code}`].includes(template.code ?? ""),
  );
  const others = templates.filter((template) => !template.code?.startsWith("only "));
  for (const { pattern, names, hindi } of [...byCode, ...others]) {
    const found = pattern.exec(text);
    if (found === null) continue;
    const values = new Map(names.map((name, index) => [name, found[index + 1] ?? ""]));
    return hindi.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      hindiDetail(name, values.get(name) ?? "?", depth + 1),
    );
  }
  return null;
}

/** A detail of a sentence: words that are not known are somebody else's, and stay as they were said. */
export function hindiDetail(name: string, text: string, depth = 1): string {
  if (!wordy.has(name)) return text;
  if (name === "allowed")
    return text
      .split(", ")
      .map((each) => hindiDetail("status", each, depth))
      .join(", ");
  const known = depth > deepest ? null : hindiSentence(text, null, depth);
  if (known !== null) return known;
  return /[a-z] ?[a-z]/i.test(text) ? `“${text}”` : text;
}
