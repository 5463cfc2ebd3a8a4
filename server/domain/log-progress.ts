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

const stepOf = /\b(?:step|steps|epoch)s?[: =]*\s*(\d+)\s*(?:\/|\s+of\s+)\s*(\d+)/i;
/** tqdm's bar: `Steps:  40%|####  | 40/100 [00:12<00:18,  3.3it/s, loss=0.12]`. */
const barOf = /(\d+)\/(\d+)\s*\[[^\]]*?(?:<([\d:]+))?(?:,\s*([\d.]+)(it\/s|s\/it))?/;

/** Reads one line of a trainer's log. Understands key=value pairs, `step N/M`, and tqdm's bars. */
export function readLogLine(line: string): LineFacts {
  const facts: LineFacts = {};
  const bar = barOf.exec(line);
  const step = stepOf.exec(line) ?? bar;
  const isEpochOnly = step !== null && /^epoch/i.test(step[0]);
  if (step && !isEpochOnly) {
    facts.step = Number(step[1]);
    facts.totalSteps = Number(step[2]);
    facts.stage = "Training";
  } else {
    const word = stageWords.find(([pattern]) => pattern.test(line));
    if (word) facts.stage = word[1];
    else if (isEpochOnly) facts.stage = "Training";
  }
  if (bar?.[3]) facts.etaSeconds = clockSeconds(bar[3]);
  if (bar?.[4]) facts.stepsPerSecond = bar[5] === "s/it" ? 1 / Number(bar[4]) : Number(bar[4]);
  readPairs(line, facts);
  return facts;
}

function readPairs(line: string, facts: LineFacts): void {
  const number = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(line)?.[1];
    const value = found === undefined ? Number.NaN : Number(found);
    return Number.isFinite(value) ? value : undefined;
  };
  facts.loss ??= number(/\b(?:step_loss|loss)[=: ]+(-?[\d.]+(?:e[+-]?\d+)?)/i);
  facts.learningRate ??= number(/\blr[=: ]+([\d.]+(?:e[+-]?\d+)?)/i);
  facts.stepsPerSecond ??= number(/\bspeed[=: ]+([\d.]+)\s*(?:it\/s|steps\/s)/i);
  facts.etaSeconds ??= number(/\beta[=: ]+([\d.]+)s?\b/i);
  facts.epoch ??= number(/\bepoch[=: ]+(\d+)\b/i);
  for (const name of Object.keys(facts) as (keyof LineFacts)[])
    if (facts[name] === undefined) delete facts[name];
}

function clockSeconds(text: string): number {
  return text.split(":").reduce((seconds, part) => seconds * 60 + Number(part), 0);
}

/** How serious a line is, from the words trainers and Python's logging use. */
export function levelOf(line: string): LogLine["level"] {
  const start = line.slice(0, 120);
  if (/\b(ERROR|CRITICAL|FATAL|Traceback)\b|^\s*\w*(Error|Exception):|out of memory/.test(start))
    return "error";
  if (/\b(WARN|WARNING)\b/.test(start)) return "warning";
  if (/\bDEBUG\b/.test(start)) return "debug";
  return "info";
}

/** Of a progress bar that was drawn over itself with carriage returns, only its last state. */
export function cleanLine(line: string): string {
  const lastDrawn = line.replace(/\r+$/, "").split("\r").at(-1) ?? "";
  return lastDrawn;
}
