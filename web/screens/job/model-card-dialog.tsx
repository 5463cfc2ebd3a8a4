import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { t } from "./delivery-words.ts";

/** The model card as it would be delivered now. */
export function ModelCardDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  const { data, error, reload } = useLoad(
    (signal) =>
      call("GET /api/cloud/jobs/{job_id}/model-card", { params: { job_id: job.job_id }, query: {}, signal }),
    [job.job_id],
  );
  const actions = (
    <>
      {data && <CopyButton text={data.card} label={t("card_copy")} />}
      <Button kind="primary" onClick={onClose}>
        {t("card_close")}
      </Button>
    </>
  );
  return (
    <Dialog open wide title={t("card_title", { name: job.name })} onClose={onClose} actions={actions}>
      <div class="stack">
        <p>{t("card_text")}</p>
        {error && <ErrorBox error={error} onRetry={reload} />}
        {!data && !error && <Skeleton lines={6} />}
        {data && (
          <pre class="model-card" dir="ltr" tabIndex={0}>
            {data.card}
          </pre>
        )}
      </div>
    </Dialog>
  );
}
