import { useEffect, useState } from "preact/hooks";
import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import { call, useLoad, type Loaded } from "../../api.ts";
import { onEvent } from "../../live.ts";

/** Of two states of one delivery, the one that came later. */
export function newerDelivery(known: Delivery | undefined, incoming: Delivery): Delivery {
  return known && known.updated_at > incoming.updated_at ? known : incoming;
}

/** Where a job's results go, kept current by the event stream: bytes and rate each second while something is sent. */
export function useDeliveries(jobId: string): Loaded<readonly Delivery[]> {
  const loaded = useLoad(
    (signal) => call("GET /api/cloud/jobs/{job_id}/deliveries", { params: { job_id: jobId }, signal }),
    [jobId],
  );
  const [live, setLive] = useState<ReadonlyMap<string, Delivery>>(new Map());
  useEffect(() => {
    setLive(new Map());
    return onEvent(["job.delivery", "job.delivery_progress"], (event) => {
      const delivery = event.data["delivery"] as Delivery | undefined;
      if (event.job_id !== jobId || !delivery) return;
      setLive((old) =>
        new Map(old).set(delivery.delivery_id, newerDelivery(old.get(delivery.delivery_id), delivery)),
      );
    });
  }, [jobId]);
  if (!loaded.data) return { ...loaded, data: null };
  const merged = new Map(loaded.data.deliveries.map((each) => [each.delivery_id, each]));
  for (const [id, delivery] of live) merged.set(id, newerDelivery(merged.get(id), delivery));
  return { ...loaded, data: [...merged.values()] };
}
