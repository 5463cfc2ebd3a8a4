import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
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
          ({ wire }) => ({ events, wire: linkOf(wire, after) }),
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

/** What a job tells of a place that has its results: the links by destination, and the first where it has no other. */
function linkOf(
  { metadata, output_url: outputUrl }: Job,
  { wire: { status, url, destination } }: DeliveryRecord,
): Partial<Job> {
  if (status !== "delivered" || url === null) return {};
  const known = metadata["delivered_urls"];
  const links = typeof known === "object" && known !== null ? known : {};
  return {
    output_url: outputUrl ?? url,
    metadata: { ...metadata, delivered_urls: { ...links, [destination]: url } },
  };
}

/** See {@link deliveryChanges}. */
export type ChangeDelivery = ReturnType<typeof deliveryChanges>;
