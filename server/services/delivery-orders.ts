import type { Kysely } from "kysely";
import { uuidv7 } from "uuidv7";
import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Database } from "../db/schema.ts";
import type { DeliveryStore } from "../db/stores/deliveries.ts";
import type { DestinationStore, StoredDestination } from "../db/stores/destinations.ts";
import type { TrainerConfig } from "../domain/config-rules.ts";
import { newDelivery } from "../domain/delivery.ts";
import { trainerPublishes, type TrainerTarget } from "../domain/trainer-publishing.ts";

/** What ordering deliveries needs. */
export interface DeliveryOrderOptions {
  destinations: DestinationStore;
  deliveries: DeliveryStore;
  now: () => number;
}

/** A delivery to make with its job. */
export type DeliveryOrder = Pick<Delivery, "destination_id" | "destination" | "kind" | "by" | "target">;

/** Decides where a new job's results go, and writes that with the job. */
export function deliveryOrders({ destinations, deliveries, now }: DeliveryOrderOptions) {
  return {
    /**
     * The destinations that were asked for by name or id, or the default ones, and what the training publishes itself;
     * a default place that it publishes to anyway is left out. Throws `unknown_destination`.
     */
    async plan(asked: readonly string[] | undefined, config: TrainerConfig): Promise<DeliveryOrder[]> {
      const stored = await destinations.list();
      const own = trainerPublishes(config);
      const chosen =
        asked === undefined
          ? stored.filter((each) => each.isDefault && !own.some((target) => isSamePlace(target, each)))
          : asked.map((name) => destinationNamed(stored, name));
      return [...own.map(trainerOrder), ...[...new Set(chosen)].map(orderTo)];
    },
    /** Ids of the places that a job's results were to go to, as far as there are such places still. */
    async placesOf(jobId: string): Promise<string[]> {
      const known = new Set((await destinations.list()).map(({ id }) => id));
      const ordered = (await deliveries.ofJob(jobId)).map(({ wire }) => wire.destination_id);
      return ordered.filter((id): id is string => id !== null && known.has(id));
    },
    /** Writes the orders in the transaction that writes their job; they wait for its end. */
    async open(
      transaction: Kysely<Database>,
      jobId: string,
      orders: readonly DeliveryOrder[],
    ): Promise<void> {
      for (const order of orders)
        await deliveries.insert(
          transaction,
          newDelivery({ ...order, delivery_id: uuidv7(), job_id: jobId }, null, now()),
        );
    },
  };
}

/** See {@link deliveryOrders}. */
export type DeliveryOrders = ReturnType<typeof deliveryOrders>;

/** The destination with a name or an id; throws `unknown_destination`. */
export function destinationNamed(stored: readonly StoredDestination[], name: string): StoredDestination {
  const found = stored.find((each) => each.id === name) ?? stored.find((each) => each.name === name);
  if (found) return found;
  const known = stored.map((each) => each.name);
  throw fail("unknown_destination", {
    destination: name,
    known: known.length === 0 ? ["(none: add one in the settings)"] : known,
  });
}

/** The order of a delivery to a stored place. */
export function orderTo({ id, name, settings }: StoredDestination): DeliveryOrder {
  return { destination_id: id, destination: name, kind: settings.kind, by: "server", target: null };
}

function trainerOrder({ kind, target }: TrainerTarget): DeliveryOrder {
  return { destination_id: null, destination: target, kind, by: "trainer", target };
}

function isSamePlace(target: TrainerTarget, { settings }: StoredDestination): boolean {
  if (settings.kind !== "s3" || target.kind !== "s3") return settings.kind === target.kind;
  return settings.bucket === target.bucket && (settings.endpoint ?? "") === (target.endpoint ?? "");
}
