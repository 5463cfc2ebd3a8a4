import { stripVTControlCharacters } from "node:util";
import type { LogLine } from "@simpletuner-cloud/contract/logs.ts";

/** What one log line tells of the training; absent fields were not in the line. */
export interface LineFacts {
  stage?: string;
  step?: number;
  totalSteps?: number;
  epoch?: number;
  loss?: number;
  learningRate?: number;
  stepsPerSecond?: number;
  etaSeconds?: number;
}

/** Words that name a stage, in the order they are tried (CONTRACT 3.5). */
const stageWords: readonly [RegExp, string][] = [
  [/preprocessing|\bloading\b/i, "Preprocessing"],
  [/warming up|warmup/i, "Warmup"],
  [/checkpoint/i, "Saving checkpoint"],
  [/validat/i, "Validation"],
  [/\bupload/i, "Uploading"],
];

const stepOf = /\bsteps?[: =]*(\d+)(?: of |[ /])(\d+)/i;
const epochOf = /\bepochs?[: =]*\d+(?: of |[ /])\d+/i;
/** tqdm's bar: `Steps:  40%|####  | 40/100 [00:12<00:18,  3.3it/s, loss=0.12]`. */
const barOf = /(\d+)\/(\d+) \[([^\]]*)/;
/** What stands before a bar of training steps; other bars load models or cache datasets. */
const trainingBar = /^\s*(?:\d+%\||$)|\b(?:steps?|epochs?|train\w*)\b/i;

/** Characters of a line that are read; the patterns' cost grows faster than a line's length. */
const readChars = 1_000;

/** Reads one line of a trainer's log. Understands key=value pairs, `step N/M`, and tqdm's bars. */
export function readLogLine(line: string): LineFacts {
  const text = plainText(line.slice(0, readChars));
  const facts: LineFacts = {};
  const bar = barOf.exec(text);
  const isTraining = bar !== null && trainingBar.test(text.slice(0, bar.index));
  const step = isTraining ? bar : stepOf.exec(text);
  if (step) {
    facts.step = Number(step[1]);
    facts.totalSteps = Number(step[2]);
    facts.stage = "Training";
  } else {
    const word = stageWords.find(([pattern]) => pattern.test(text));
    if (word) facts.stage = word[1];
    else if (epochOf.test(text)) facts.stage = "Training";
  }
  if (isTraining) readBar(bar[3] ?? "", facts);
  readPairs(text, facts);
  for (const [name, value] of Object.entries(facts))
    if (typeof value === "number" && !Number.isFinite(value)) delete facts[name as keyof LineFacts];
  return facts;
}

/** Reads what tqdm writes in brackets: `00:12<00:18,  3.3it/s`. */
function readBar(text: string, facts: LineFacts): void {
  const [, left] = /<([\d:]+)/.exec(text) ?? [];
  if (left !== undefined)
    facts.etaSeconds = left.split(":").reduce((seconds, part) => seconds * 60 + Number(part), 0);
  const [, figure, unit] = /([\d.]+)(it\/s|s\/it)/.exec(text) ?? [];
  if (figure !== undefined) facts.stepsPerSecond = unit === "s/it" ? 1 / Number(figure) : Number(figure);
}

function readPairs(text: string, facts: LineFacts): void {
  const read = (name: keyof Omit<LineFacts, "stage">, pattern: RegExp): void => {
    const found = pattern.exec(text)?.[1];
    if (found !== undefined) facts[name] ??= Number(found);
  };
  read("loss", /\b(?:step_loss|train_loss|loss)[=: ]+(-?[\d.]+(?:e[+-]?\d+)?)/i);
  read("learningRate", /\b(?:lr|learning_rate)[=: ]+([\d.]+(?:e[+-]?\d+)?)/i);
  read("stepsPerSecond", /\bspeed[=: ]+([\d.]+) ?(?:it\/s|steps\/s)/i);
  read("etaSeconds", /\beta[=: ]+([\d.]+)s?\b/i);
  read("epoch", /\bepoch[=: ]+(\d+)\b/i);
}

/** How serious a line is, from the words trainers and Python's logging use. */
export function levelOf(line: string): LogLine["level"] {
  const start = plainText(line.slice(0, 160));
  if (/\b(ERROR|CRITICAL|FATAL|Traceback)\b|^\s*[\w.]*(Error|Exception):|out of memory/.test(start))
    return "error";
  if (/\b(WARN|WARNING)\b/.test(start)) return "warning";
  if (/\bDEBUG\b/.test(start)) return "debug";
  return "info";
}

/** A line without the colour codes of terminals. */
export function plainText(line: string): string {
  return stripVTControlCharacters(line);
}

/** Of a progress bar that was drawn over itself with carriage returns, only its last state. */
export function cleanLine(line: string): string {
  const lastDrawn = line.replace(/\r+$/, "").split("\r").at(-1) ?? "";
  return lastDrawn;
}
