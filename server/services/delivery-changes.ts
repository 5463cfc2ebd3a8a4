import type { DeliveryStore } from "../db/stores/deliveries.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import { type DeliveryChange, type DeliveryRecord, withDeliveryChange } from "../domain/delivery.ts";

/** What changing deliveries needs. */
export interface DeliveryChangeOptions {
  jobs: Pick<JobStore, "change">;
  deliveries: DeliveryStore;
  now: () => number;
}

/** Somebody else changed the delivery between reading and writing. */
class Overtaken extends Error {}

/**
 * Changes the state of a delivery and appends its event, in one transaction. `decide` is pure and may run again; null
 * means nothing to do. Answers the delivery as it is afterwards, or null when there is none, as after its job's deletion.
 */
export function deliveryChanges({ jobs, deliveries, now }: DeliveryChangeOptions) {
  return async (
    deliveryId: string,
    decide: (record: DeliveryRecord) => DeliveryChange | null,
  ): Promise<DeliveryRecord | null> => {
    for (;;) {
      const before = await deliveries.find(deliveryId);
      if (before === null) return null;
      const change = decide(before);
      if (change === null) return before;
      const after = withDeliveryChange(before, change, now());
      const events = [{ type: "job.delivery" as const, data: { delivery: after.wire } }];
      try {
        const job = await jobs.change(
          before.wire.job_id,
          () => ({ events }),
          async (transaction) => {
            if (!(await deliveries.update(transaction, before, after))) throw new Overtaken();
          },
        );
        return job === null ? null : after;
      } catch (error) {
        if (!(error instanceof Overtaken)) throw error;
      }
    }
  };
}

/** See {@link deliveryChanges}. */
export type ChangeDelivery = ReturnType<typeof deliveryChanges>;
