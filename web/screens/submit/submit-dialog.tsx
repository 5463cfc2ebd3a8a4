import { useEffect } from "preact/hooks";
import type { PlanRequest } from "@simpletuner-cloud/contract/data-consent.ts";
import type { SubmitJob } from "@simpletuner-cloud/contract/jobs.ts";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { ConsentLine, isRefused, startWord } from "./consent.tsx";
import { Estimate } from "./estimate.tsx";
import { FollowStart } from "./follow-start.tsx";
import { PlanChanges, PlanView } from "./plan-view.tsx";
import { usePlan } from "./use-plan.ts";
import { useSubmit } from "./use-submit.ts";
import { t } from "./words.ts";

/** What the dialog submits: a saved configuration, where it runs and how its datasets get there. */
export interface DialogRequest {
  config_name_to_load: string;
  provider: string;
  dataset_transfer: "in_place" | "package";
  name?: string;
}

/** Where the results go beside this machine; nothing is said where they only stay. */
function ResultsLine() {
  const { data } = useLoad((signal) => call("GET /api/cloud/destinations", { signal }), []);
  const places = data?.destinations.filter((each) => each.is_default).map(({ name }) => name) ?? [];
  if (places.length === 0) return null;
  return <p class="small muted">{t("results_to", { places: places.join(", ") })}</p>;
}

function DialogBody({
  request,
  onClose,
  text,
}: {
  request: DialogRequest;
  onClose: () => void;
  text: string;
}) {
  const { name: _, ...selection } = request;
  const plan = usePlan(selection satisfies PlanRequest);
  const submission = useSubmit(`dialog:${request.config_name_to_load}`);
  useEffect(() => {
    if (submission.planIsStale) plan.reload();
  }, [submission.planIsStale]);
  const seen = plan.data;
  const refused = seen !== null && isRefused(seen, request.dataset_transfer);
  const start = (): void => {
    if (!seen || refused) return;
    const body: SubmitJob = { ...request };
    if (seen.consent_token !== null) body.consent_token = seen.consent_token;
    void submission.submit(body);
  };
  if (submission.jobId !== null) {
    const leave = (): void => {
      submission.forget();
      onClose();
    };
    return <FollowStart jobId={submission.jobId} onCancelled={submission.forget} onLeave={leave} />;
  }
  return (
    <>
      <p>{text}</p>
      <Estimate request={{ provider: request.provider, config_name_to_load: request.config_name_to_load }} />
      <PlanChanges changes={plan.changes} />
      {plan.error && <ErrorBox error={plan.error} onRetry={plan.reload} />}
      {seen ? <PlanView plan={seen} /> : plan.loading && <Skeleton lines={4} />}
      <ResultsLine />
      {submission.error && !submission.planIsStale && <ErrorBox error={submission.error} />}
      {seen && <ConsentLine plan={seen} transfer={request.dataset_transfer} />}
      <div class="dialog-end">
        <Button onClick={onClose}>{t("not_now")}</Button>
        <Button
          kind="primary"
          icon="play"
          busy={submission.sending}
          disabled={!seen || refused || !plan.current}
          onClick={start}
        >
          {startWord(seen)}
        </Button>
      </div>
    </>
  );
}

/** A dialog that shows what a submit sends and costs, asks for consent, submits, and follows until it starts. */
export function SubmitDialog(props: {
  open: boolean;
  title: string;
  text: string;
  request: DialogRequest;
  onClose: () => void;
}) {
  return (
    <Dialog open={props.open} title={props.title} onClose={props.onClose}>
      <DialogBody request={props.request} text={props.text} onClose={props.onClose} />
    </Dialog>
  );
}
