import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { StateKind } from "../adapters/state/state.ts";
import type { RateRule } from "../domain/sliding-window.ts";

/** What each process does to the one key. */
export interface HammerOrder {
  kind: StateKind;
  url: string;
  path: string;
  key: string;
  rule: RateRule;
  requests: number;
  concurrency: number;
  /** Between two requests of one of the `concurrency` hammers. */
  pauseMs: number;
  startAtMs: number;
}

/** A request that got through: epoch milliseconds before and after the question. */
export type Through = [beforeMs: number, afterMs: number];

const child = fileURLToPath(new URL("rate-limiter-test-child.ts", import.meta.url));

/** Lets that many processes hammer one key and answers all that got through, oldest first, and when they began. */
export async function hammerFrom(processes: number, order: Omit<HammerOrder, "startAtMs">) {
  // Late enough for all of them to be up on a busy machine.
  const startAtMs = Date.now() + 2_500;
  const each = Array.from({ length: processes }, async () => {
    const process_ = spawn(process.execPath, [child, JSON.stringify({ ...order, startAtMs })], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, problems] = await Promise.all([text(process_.stdout), text(process_.stderr)]);
    if (problems !== "" || out === "") throw new Error(`a process failed: ${problems}`);
    return JSON.parse(out) as Through[];
  });
  const through = (await Promise.all(each)).flat().sort((a, b) => a[0] - b[0]);
  return { startAtMs, through };
}

/**
 * The most requests that provably got through within one window: those that began after its beginning and ended before
 * its end. What is undecided by the time that a question took is left out, so no correct limiter is blamed.
 */
export function mostInOneWindow(through: readonly Through[], windowMs: number): number {
  const ordered = through.toSorted((a, b) => a[0] - b[0]);
  let most = 0;
  ordered.forEach(([from], first) => {
    let within = 0;
    for (let at = first; at < ordered.length; at++) {
      const [before, after] = ordered[at] as Through;
      if (before >= from + windowMs) break;
      if (after < from + windowMs) within++;
    }
    most = Math.max(most, within);
  });
  return most;
}
