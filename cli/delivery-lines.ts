import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import type {
  Destination,
  DestinationSettings,
  DestinationTest,
} from "@simpletuner-cloud/contract/destinations.ts";
import type { Io } from "./io.ts";
import {
  formatBytes,
  formatDuration,
  formatTime,
  printLine,
  printTable,
  styled,
  withoutControls,
} from "./output.ts";

/** Where exactly results go, with the words that are filled in for each job. */
export function placeLine(settings: DestinationSettings): string {
  if (settings.kind === "huggingface")
    return `${settings.owner ?? "(the token's account)"}/${settings.repository}`;
  const folder = [settings.prefix, settings.folder].map((part) => part.replace(/^\/+|\/+$/g, ""));
  return `s3://${[settings.bucket, ...folder].filter((part) => part !== "").join("/")}/`;
}

/** Prints destinations as a table. */
export function printDestinations(io: Io, destinations: readonly Destination[]): void {
  printTable(io.out, destinations, [
    { title: "NAME", value: (each) => each.name },
    { title: "SERVICE", value: ({ settings }) => (settings.kind === "s3" ? settings.preset : settings.kind) },
    { title: "PLACE", value: ({ settings }) => placeLine(settings) },
    { title: "DEFAULT", value: (each) => (each.is_default ? "yes" : "") },
    { title: "LAST DELIVERY", value: ({ last_delivery: last }) => lastLine(last) },
  ]);
}

function lastLine(last: Destination["last_delivery"]): string {
  return last === null ? "" : `${last.status} ${formatTime(last.updated_at)}`;
}

/** Prints where a job's results go, with the reason below each that failed. */
export function printDeliveries(io: Io, deliveries: readonly Delivery[]): void {
  printTable(io.out, deliveries, [
    { title: "DELIVERY", value: (each) => each.delivery_id },
    { title: "TO", value: (each) => each.destination },
    { title: "STATUS", value: (each) => each.status },
    { title: "DETAIL", value: detailOf, maxWidth: 200 },
  ]);
}

function detailOf({ status, progress, url, target, error_message, next_attempt_at, by }: Delivery): string {
  if (status === "delivered") return url ?? target ?? "";
  if (status === "running" && progress) {
    const { bytes_done: done, bytes_total: total, bytes_per_second: rate, eta_seconds: left } = progress;
    return [
      `${formatBytes(done)} of ${formatBytes(total)}`,
      ...(rate > 0 ? [`${formatBytes(rate)}/s`] : []),
      ...(left === null ? [] : [`${formatDuration(left)} left`]),
    ].join(", ");
  }
  if (status === "failed" && next_attempt_at !== null)
    return `${error_message ?? ""} Again at ${formatTime(next_attempt_at)}.`;
  if (status === "waiting" && by === "trainer") return "the training publishes it";
  return withoutControls(error_message ?? "");
}

/** Prints each step of a test with the server's sentence where it failed. */
export function printTest(io: Io, { steps }: DestinationTest): void {
  const words = { good: "ok", bad: "FAILED", skipped: "skipped" } as const;
  for (const { step, state, message } of steps) {
    const word = styled(io.out, state === "bad" ? "red" : state === "good" ? "green" : "dim", words[state]);
    printLine(io.out, `${step.padEnd(10)} ${word}${message === null ? "" : `  ${withoutControls(message)}`}`);
  }
}
