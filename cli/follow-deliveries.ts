import { setTimeout as delay } from "node:timers/promises";
import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import type { Io } from "./io.ts";
import { type OutputFormat, printLine, withoutControls } from "./output.ts";
import type { ServerConnection } from "./server-address.ts";

/** Progress is written once a second at the server; asking more often shows nothing new. */
const everyMs = 1_000;

/**
 * Waits until each of a job's `ordered` deliveries has arrived, needs a person, or was cancelled; tells each change of
 * state as a line. Answers them as they ended.
 */
export async function followDeliveries(
  io: Io,
  server: ServerConnection,
  jobId: string,
  ordered: readonly Delivery[],
  format: OutputFormat,
): Promise<Delivery[]> {
  const wanted = new Set(ordered.map(({ delivery_id }) => delivery_id));
  const told = new Map<string, string>();
  for (;;) {
    const answer = await server.call("GET /api/cloud/jobs/{job_id}/deliveries", {
      params: { job_id: jobId },
    });
    const ours = answer.deliveries.filter(({ delivery_id }) => wanted.has(delivery_id));
    for (const { delivery_id: id, destination, status } of ours) {
      if (told.get(id) === status) continue;
      told.set(id, status);
      if (format !== "json") printLine(io.err, withoutControls(`${destination}: ${status}`));
    }
    if (ours.every(isOver)) return ours;
    await delay(everyMs, undefined, { signal: io.interrupted });
  }
}

/** Nothing more happens to it by itself. */
function isOver({ status, next_attempt_at }: Delivery): boolean {
  return (
    status === "delivered" || status === "cancelled" || (status === "failed" && next_attempt_at === null)
  );
}
