import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { DeliveryStore } from "../db/stores/deliveries.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import { cancelDelivery, claimDelivery, deliveredAt, type DeliveryRecord } from "../domain/delivery.ts";
import { inSpan } from "../domain/work-scope.ts";
import type { ChangeDelivery } from "../services/delivery-changes.ts";
import type { RunDelivery } from "../services/run-delivery.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

/** Deliveries under way at once: each holds some parts of a file, and they share the line. */
const atOnce = 2;
const everyMs = 5_000;
/** Looked at in one round. */
const candidates = 100;

/** What the loop needs. */
export interface DeliverResultsOptions {
  jobs: Pick<JobStore, "find">;
  deliveries: DeliveryStore;
  change: ChangeDelivery;
  run: RunDelivery;
  leaseMs: number;
  now: () => number;
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/** The loop of deliveries. */
export interface DeliveryLoop extends Loop {
  /** Looks for deliveries that are due now. */
  wake(): void;
}

/**
 * Carries out what is due: deliveries whose job has ended, those to be tried again, and those whose server died. What is
 * under way when the server stops is broken off and due again.
 */
export function deliverResults(options: DeliverResultsOptions): DeliveryLoop {
  const running = new Map<string, Promise<void>>();
  let isWanted = false;
  const start = (claimed: DeliveryRecord): void => {
    const id = claimed.wire.delivery_id;
    const { kind, job_id } = claimed.wire;
    const attributes = { "simpletuner.delivery.kind": kind, "simpletuner.job.id": job_id };
    const span = options.traces?.begin("delivering", { attributes }) ?? null;
    const done = inSpan(span, () => options.run(claimed, options.stopping))
      .catch((error: unknown) =>
        // Its lease runs out, then it is taken up again.
        options.log.warn({ err: error, delivery_id: id }, "a delivery was interrupted, trying again"),
      )
      .finally(() => {
        running.delete(id);
        wake();
      });
    running.set(id, done);
  };
  const round = async (): Promise<void> => {
    do {
      isWanted = false;
      for (const record of await options.deliveries.ofEndedJobs(candidates)) await begin(options, record);
      for (const record of await options.deliveries.due(options.now(), candidates)) {
        if (options.stopping.aborted || running.size >= atOnce) return;
        if (running.has(record.wire.delivery_id)) continue;
        const lease = randomBytes(15).toString("hex");
        const claimed = await options.change(record.wire.delivery_id, (now) =>
          claimDelivery(now, lease, options.leaseMs, options.now()),
        );
        if (claimed?.lease === lease) start(claimed);
      }
    } while (isWanted && !options.stopping.aborted);
  };
  const loop = startLoop({ ...options, name: "looking for deliveries", everyMs, round });
  const wake = (): void => {
    isWanted = true;
    if (!options.stopping.aborted) void loop.runOnce();
  };
  return {
    ...loop,
    wake,
    async settled() {
      await loop.settled();
      await Promise.all(running.values());
    },
  };
}

/** The job has ended: a finished model is due at once; of any other job nothing is delivered unless somebody asks. */
async function begin({ jobs, change, now }: DeliverResultsOptions, record: DeliveryRecord): Promise<void> {
  const job = await jobs.find(record.wire.job_id);
  if (job === null) return;
  const { status } = job.wire;
  await change(record.wire.delivery_id, (current) => {
    if (current.wire.status !== "waiting" || current.dueAtMs !== null) return null;
    if (status !== "completed") return cancelDelivery(current, fail("delivery_not_due", { status }), now());
    if (current.wire.by === "server") return { dueAtMs: now() };
    return deliveredAt({ target: current.wire.target ?? "", url: trainerUrl(current) }, now());
  });
}

/** Where a training that pushes to the Hub says it went. */
function trainerUrl({ wire: { kind, target } }: DeliveryRecord): string | null {
  return kind === "huggingface" && target?.includes("/") === true ? `https://huggingface.co/${target}` : null;
}
