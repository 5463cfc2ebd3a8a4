import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { ConsentLine } from "../submit/consent.tsx";
import { PlanChanges, PlanView } from "../submit/plan-view.tsx";
import type { PlanState } from "../submit/use-plan.ts";
import type { JobDraft } from "./draft.ts";
import { t } from "./words.ts";

/** Section 3: every dataset with what stays here, where the rest goes, and what starting agrees to. */
export function DataSection({
  draft,
  plan,
  chosen,
  stale,
}: {
  draft: JobDraft;
  plan: PlanState;
  chosen: boolean;
  stale: boolean;
}) {
  const { data } = plan;
  return (
    <section class="panel" aria-labelledby="section-data" aria-busy={plan.loading}>
      <header class="panel-head">
        <h2 id="section-data">{t("data")}</h2>
      </header>
      <div class="panel-body stack">
        {!chosen && <p class="muted">{t("data_wait")}</p>}
        {stale && plan.changes.length === 0 && (
          <div role="alert">
            <Notice kind="warning">{t("stale")}</Notice>
          </div>
        )}
        <PlanChanges changes={plan.changes} />
        {chosen && plan.error && <ErrorBox error={plan.error} onRetry={plan.reload} />}
        {chosen && !data && plan.loading && <Skeleton lines={3} />}
        {chosen && !data && !plan.loading && !plan.error && <p class="muted">{t("data_invalid")}</p>}
        {data && (
          <>
            <PlanView plan={data} />
            <ConsentLine plan={data} transfer={draft.transfer} />
          </>
        )}
      </div>
    </section>
  );
}
