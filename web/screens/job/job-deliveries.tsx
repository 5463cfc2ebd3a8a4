import { useState } from "preact/hooks";
import type { Destination } from "@simpletuner-cloud/contract/destinations.ts";
import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { may } from "../../session.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { t } from "./delivery-words.ts";
import { DeliverDialog } from "./deliver-dialog.tsx";
import { DeliveryRow } from "./delivery-row.tsx";
import { ModelCardDialog } from "./model-card-dialog.tsx";
import { useDeliveries } from "./use-deliveries.ts";

/** Where a place's results stand: those that could still be delivered somewhere. */
function unusedPlaces(
  destinations: readonly Destination[],
  deliveries: readonly Delivery[],
): readonly Destination[] {
  const used = new Set(deliveries.map(({ destination_id }) => destination_id));
  return destinations.filter(({ destination_id }) => !used.has(destination_id));
}

function Here({ job }: { job: Job }) {
  const [reading, setReading] = useState(false);
  return (
    <li class="delivery">
      <p class="delivery-head">
        <strong>{t("here")}</strong>
        <span class={`delivery-state ${job.is_active ? "" : "state-completed"}`}>
          <Icon name={job.is_active ? "clock" : "tick"} />
          {t(job.is_active ? "here_wait" : "here_kept")}
        </span>
        {job.status === "completed" && (
          <Button size="small" kind="quiet" icon="file" onClick={() => setReading(true)}>
            {t("card")}
          </Button>
        )}
      </p>
      {reading && <ModelCardDialog job={job} onClose={() => setReading(false)} />}
    </li>
  );
}

function NoPlace() {
  return (
    <p class="small muted delivery-none">
      {t("none")}{" "}
      {may("admin.config") && (
        <>
          {t("none_text")} <Link href="/settings/destinations?edit=new">{t("add_place")}</Link>
        </>
      )}
    </p>
  );
}

/** Where the results of a job go: how far each delivery is, and what can be done about it. */
export function JobDeliveries({ job }: { job: Job }) {
  const { data, error, reload } = useDeliveries(job.job_id);
  const places = useLoad(
    async (signal) =>
      may("config.view") ? (await call("GET /api/cloud/destinations", { signal })).destinations : [],
    [],
  );
  const [sending, setSending] = useState(false);
  useReloadOn(["settings.changed"], places.reload);
  const destinations = places.data ?? [];
  const unused = unusedPlaces(destinations, data ?? []);
  const ended = job.status === "failed" || job.status === "cancelled";
  if (data?.length === 0 && ended && destinations.length === 0) return null;
  return (
    <section class="panel overview-delivery" aria-labelledby="job-delivery">
      <header class="panel-head">
        <h2 id="job-delivery">{t("title")}</h2>
        {unused.length > 0 && may("job.submit") && (
          <Button size="small" icon="upload" onClick={() => setSending(true)}>
            {t("send")}
          </Button>
        )}
      </header>
      <div class="panel-body stack">
        {error && <ErrorBox error={error} onRetry={reload} />}
        {!data && !error && <Skeleton lines={2} />}
        {data && (
          <ul class="deliveries">
            <Here job={job} />
            {data.map((delivery) => (
              <DeliveryRow key={delivery.delivery_id} delivery={delivery} job={job} />
            ))}
          </ul>
        )}
        {data?.length === 0 && places.data && destinations.length === 0 && <NoPlace />}
      </div>
      {sending && <DeliverDialog job={job} destinations={unused} onClose={() => setSending(false)} />}
    </section>
  );
}
