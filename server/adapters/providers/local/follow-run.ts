import { open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { FollowResult, RunReporter } from "../provider.ts";
import { plainText } from "../../../domain/log-progress.ts";
import { killRestOfGroup, wasStartedWith } from "./process-group.ts";
import { readNumberFile, type RunFolder } from "./run-folder.ts";

/** How often a run's log and end are looked at. */
const lookEveryMs = 200;
/** How long a started holder may take to write its process id before it counts as lost. */
const claimPatienceMs = 5_000;
/** Log bytes read and reported at a time. */
const readAtOnceBytes = 1 << 20;
/** Bytes looked at of a line that has not ended yet: more than a progress bar's last state. */
const unfinishedBytes = 2_048;

/** Reports a run's log from byte `from` on until the run has ended or left no process. */
export async function followRun(
  folder: RunFolder,
  from: number,
  reporter: RunReporter,
  signal: AbortSignal,
): Promise<FollowResult> {
  let position = from;
  let told = "";
  const drain = async (toTheEnd: boolean): Promise<void> => {
    for (;;) {
      const next = await readWholeLines(folder.log, position, toTheEnd);
      if (next.text !== "") {
        await reporter.log(next.text, next.position);
        position = next.position;
        continue;
      }
      if (next.unfinished !== told && next.unfinished !== "") await reporter.unfinishedLine(next.unfinished);
      told = next.unfinished;
      return;
    }
  };
  const startedAt = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const state = await runState(folder, performance.now() - startedAt);
    await drain(state !== "running");
    if (state !== "running") await killRest(folder);
    if (typeof state === "number") return endOf(state, folder);
    if (state === "gone")
      return {
        outcome: "lost",
        reason:
          "The training process disappeared without a result; the machine may have restarted or run out of memory.",
      };
    await delay(lookEveryMs, undefined, { signal });
  }
}

/** The exit code once the run has ended, `running` while a process holds it, `gone` when none does. */
async function runState(folder: RunFolder, waitedMs: number): Promise<number | "running" | "gone"> {
  const exitCode = await readNumberFile(folder.exit);
  if (exitCode !== null) return exitCode;
  const pid = await readNumberFile(folder.pid);
  if (pid === null) return waitedMs < claimPatienceMs ? "running" : "gone";
  if (await wasStartedWith(pid, folder.run)) return "running";
  // The holder is gone. It may have written the exit code since we looked.
  return (await readNumberFile(folder.exit)) ?? "gone";
}

/** Ends what a run leaves behind: a trainer whose holder is gone, or helpers that outlive the trainer. */
async function killRest(folder: RunFolder): Promise<void> {
  const pid = await readNumberFile(folder.pid);
  if (pid !== null) await killRestOfGroup(pid, folder.run);
}

async function endOf(exitCode: number, folder: RunFolder): Promise<FollowResult> {
  if (exitCode === 0) return { outcome: "completed", outputUrl: null };
  const reason = await lastErrorLine(folder.log);
  const code =
    exitCode > 128 ? "trainer_killed" : notStarted.has(exitCode) ? "trainer_missing" : "trainer_failed";
  const words =
    exitCode > 128
      ? `Training was ended by signal ${exitCode - 128}.`
      : (notStarted.get(exitCode) ?? `Training exited with code ${exitCode}.`);
  return { outcome: "failed", code, message: reason ? `${words} ${reason}` : words };
}

/** Exit codes with which a shell says that it could not start a command (POSIX 2.8.2). */
const notStarted = new Map([
  [126, "The trainer cannot be executed. Check SIMPLETUNER_TRAINER_COMMAND or install the trainer again."],
  [127, "The trainer was not found. Check SIMPLETUNER_TRAINER_COMMAND or install the trainer again."],
]);

/**
 * The text between `position` and the last line end after it; at the end of the run also a last unfinished line,
 * which is told apart until then.
 */
async function readWholeLines(
  path: string,
  position: number,
  toTheEnd: boolean,
): Promise<{ text: string; position: number; unfinished: string }> {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (!file) return { text: "", position, unfinished: "" };
  try {
    const buffer = Buffer.allocUnsafe(readAtOnceBytes);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    const read = buffer.subarray(0, bytesRead);
    const lastLineEnd = read.lastIndexOf(0x0a);
    // A line longer than the buffer is cut rather than waited for.
    const whole =
      lastLineEnd >= 0 ? lastLineEnd + 1 : toTheEnd || bytesRead === buffer.length ? bytesRead : 0;
    const unfinished = read.subarray(Math.max(whole, bytesRead - unfinishedBytes));
    return {
      text: read.subarray(0, whole).toString("utf8"),
      position: position + whole,
      unfinished: whole === 0 ? unfinished.toString("utf8") : "",
    };
  } finally {
    await file.close();
  }
}

/** The last line that names an error; the last line at all when none does. */
async function lastErrorLine(path: string): Promise<string | null> {
  const file = await open(path, "r").catch(() => null);
  if (!file) return null;
  try {
    const { size } = await file.stat();
    const tail = Buffer.alloc(Math.min(size, 16_384));
    await file.read(tail, 0, tail.length, size - tail.length);
    const lines = tail
      .toString("utf8")
      .split(/[\r\n]+/)
      .map((line) => plainText(line).trim())
      .filter((line) => line !== "");
    const named = lines.findLast((line) => /\bERROR\b|^[\w.]{0,80}(Error|Exception):/.test(line));
    return (named ?? lines.at(-1))?.slice(0, 400) ?? null;
  } finally {
    await file.close();
  }
}
