import { readFileSync } from "node:fs";
import { hostname, uptime } from "node:os";
import type { ClockReading } from "../domain/run-clock.ts";

/**
 * Reads this machine's clocks. A start of the machine is named by the kernel's boot id where there is one (Linux), else
 * by the host's name, where an uptime that became smaller tells of a restart.
 */
export function machineClock(now: () => number): () => ClockReading {
  const bootId = readBootId();
  return () => ({ nowMs: now(), uptimeMs: Math.round(uptime() * 1_000), bootId });
}

function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim().slice(0, 64);
  } catch {
    return hostname().slice(0, 64);
  }
}
