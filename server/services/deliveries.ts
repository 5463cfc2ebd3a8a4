import { uuidv7 } from "uuidv7";
import type { Delivery, deliveryEndpoints } from "@simpletuner-cloud/contract/deliveries.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { DeliveryStore } from "../db/stores/deliveries.ts";
import type { DestinationStore, StoredDestination } from "../db/stores/destinations.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import { cancelDelivery, type DeliveryRecord, newDelivery, retryDelivery } from "../domain/delivery.ts";
import type { JobRecord } from "../domain/job-record.ts";
import type { ChangeDelivery } from "./delivery-changes.ts";
import { destinationNamed, orderTo } from "./delivery-orders.ts";
import type { Handlers } from "./handler.ts";
import { accessibleJob } from "./job-access.ts";
import type { Publications } from "./publications.ts";

/** What the delivery use cases need. */
export interface DeliveryServiceOptions {
  jobs: JobStore;
  deliveries: DeliveryStore;
  destinations: DestinationStore;
  changeDelivery: ChangeDelivery;
  publicationOf: Publications;
  /** Called after deliveries became due. */
  wakeDeliveries: () => void;
  now: () => number;
}

/** Where the results of jobs go, by order and by hand. */
export function deliveryService(options: DeliveryServiceOptions): Handlers<typeof deliveryEndpoints> {
  const { jobs, deliveries, changeDelivery, now } = options;
  return {
    async listDeliveries({ params }, { caller }) {
      await accessibleJob(jobs, caller, params.job_id, "view");
      return { deliveries: (await deliveries.ofJob(params.job_id)).map(({ wire }) => wire) };
    },
    async modelCard({ params, query: { destination } }, { caller }) {
      const job = await accessibleJob(jobs, caller, params.job_id, "view");
      const usual = { include_samples: true, include_checkpoints: false };
      const place =
        destination === undefined ? null : destinationNamed(await options.destinations.list(), destination);
      const { card } = await options.publicationOf(job, place?.settings ?? usual);
      return { card };
    },
    async deliverJob({ params, body }, { caller }) {
      const job = await accessibleJob(jobs, caller, params.job_id, "view");
      const known = await deliveries.ofJob(params.job_id);
      const chosen = chosenPlaces(await options.destinations.list(), known, body.destinations);
      const made: Delivery[] = [];
      for (const place of chosen) made.push((await ordered(options, job, place)).wire);
      options.wakeDeliveries();
      return { success: true, deliveries: made };
    },
    async retryDelivery({ params }, { caller }) {
      const { job } = await accessibleDelivery(options, caller, params);
      const changed = await changeDelivery(params.delivery_id, (record) =>
        retryDelivery(record, job.wire.is_terminal, now()),
      );
      options.wakeDeliveries();
      return answerOf(changed, params.delivery_id);
    },
    async cancelDelivery({ params }, { caller }) {
      await accessibleDelivery(options, caller, params);
      const changed = await changeDelivery(params.delivery_id, (record) =>
        cancelDelivery(record, null, now()),
      );
      return answerOf(changed, params.delivery_id);
    },
  };
}

/** Named places, or the default ones that have not got the results. Throws `unknown_destination`, `no_destination`. */
function chosenPlaces(
  stored: readonly StoredDestination[],
  known: readonly DeliveryRecord[],
  asked: readonly string[] | undefined,
): StoredDestination[] {
  if (asked !== undefined) return [...new Set(asked.map((name) => destinationNamed(stored, name)))];
  const settled = new Set(
    known
      .filter(({ wire }) => ["delivered", "waiting", "running"].includes(wire.status))
      .map(({ wire }) => wire.destination_id),
  );
  const chosen = stored.filter((each) => each.isDefault && !settled.has(each.id));
  if (chosen.length === 0) throw fail("no_destination");
  return chosen;
}

/** The job's delivery to a place: made now, or ordered anew. */
async function ordered(
  { jobs, deliveries, changeDelivery, now }: DeliveryServiceOptions,
  { wire: job }: JobRecord,
  place: StoredDestination,
): Promise<DeliveryRecord> {
  const before = (await deliveries.ofJob(job.job_id)).find(({ wire }) => wire.destination_id === place.id);
  if (before) {
    const again = await changeDelivery(before.wire.delivery_id, (record) =>
      ["waiting", "running"].includes(record.wire.status)
        ? null
        : retryDelivery(record, job.is_terminal, now()),
    );
    if (again === null) throw fail("job_not_found", { job_id: job.job_id });
    return again;
  }
  const order = { ...orderTo(place), delivery_id: uuidv7(), job_id: job.job_id };
  const record = newDelivery(order, job.is_terminal ? now() : null, now());
  const events = [{ type: "job.delivery" as const, data: { delivery: record.wire } }];
  // Of two that order the same at once, the second fails on the uniqueness of job and place and is told so.
  const written = await jobs
    .change(
      job.job_id,
      () => ({ events }),
      (transaction) => deliveries.insert(transaction, record),
    )
    .catch((error: unknown) => {
      if (!/unique|duplicate/i.test(String(error))) throw error;
      throw fail("invalid_delivery_state", {
        status: "waiting",
        action: "ordering it again",
        allowed: ["failed"],
      });
    });
  if (written === null) throw fail("job_not_found", { job_id: job.job_id });
  return record;
}

async function accessibleDelivery(
  { jobs, deliveries }: DeliveryServiceOptions,
  caller: Caller,
  params: { job_id: string; delivery_id: string },
): Promise<{ job: JobRecord; delivery: DeliveryRecord }> {
  const job = await accessibleJob(jobs, caller, params.job_id, "view");
  const delivery = await deliveries.find(params.delivery_id);
  if (delivery?.wire.job_id !== params.job_id)
    throw fail("delivery_not_found", { delivery_id: params.delivery_id });
  if (delivery.wire.by === "trainer")
    throw fail("invalid_delivery_state", {
      status: delivery.wire.status,
      action: "changing what the training publishes itself",
      allowed: ["the training's own"],
    });
  return { job, delivery };
}

function answerOf(record: DeliveryRecord | null, deliveryId: string): { success: true; delivery: Delivery } {
  if (record === null) throw fail("delivery_not_found", { delivery_id: deliveryId });
  return { success: true, delivery: record.wire };
}
