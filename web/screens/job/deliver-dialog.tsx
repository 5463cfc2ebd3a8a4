import { useState } from "preact/hooks";
import type { Destination } from "@simpletuner-cloud/contract/destinations.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { DestinationChoice } from "../../components/destination-choice.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { toast } from "../../components/toast.tsx";
import { t } from "./delivery-words.ts";

/** Asks where else a job's results go. The deliveries that were ordered are told by the event stream. */
export function DeliverDialog(props: {
  job: Job;
  destinations: readonly Destination[];
  onClose: () => void;
}) {
  const { job, destinations } = props;
  const [chosen, setChosen] = useState<string[]>(
    destinations.length === 1 ? destinations.map(({ destination_id }) => destination_id) : [],
  );
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const send = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await call("POST /api/cloud/jobs/{job_id}/deliveries", {
        params: { job_id: job.job_id },
        body: { destinations: chosen },
      });
      toast({ kind: "success", text: t("started") });
      props.onClose();
    } catch (thrown) {
      setError(asError(thrown));
      setBusy(false);
    }
  };
  const actions = (
    <>
      <Button onClick={props.onClose}>{t("close")}</Button>
      <Button kind="primary" busy={busy} disabled={chosen.length === 0} onClick={() => void send()}>
        {t("send_act")}
      </Button>
    </>
  );
  return (
    <Dialog open title={t("send_title", { name: job.name })} onClose={props.onClose} actions={actions}>
      <div class="stack">
        <p>
          {t("send_text")} {job.is_active && t("send_wait")}
        </p>
        <DestinationChoice
          legend={t("send_to")}
          destinations={destinations}
          chosen={chosen}
          onChange={setChosen}
        />
        {error && <ErrorBox error={error} />}
      </div>
    </Dialog>
  );
}
