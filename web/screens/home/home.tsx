import { useState } from "preact/hooks";
import { call, useLoad } from "../../api.ts";
import { ErrorBox } from "../../components/error-box.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { useReloadOn } from "../../use-reload-on.ts";
import { FirstSteps, useFirstSteps } from "./first-steps.tsx";
import { FirstRun } from "./first-run.tsx";
import { Overview } from "./overview.tsx";
import { t } from "./words.ts";

/** Home: the welcome while there is no job, then the overview. */
export function Home() {
  const { data, error, reload } = useLoad(
    (signal) => call("GET /api/cloud/jobs", { query: { limit: 1 }, signal }),
    [],
  );
  const steps = useFirstSteps();
  const [submitting, setSubmitting] = useState(false);
  useReloadOn(["job.created", "job.deleted"], reload);
  // The welcome stays while its dialog follows the first job; leaving is up to the dialog.
  const checklist = <FirstSteps steps={steps.data ?? []} onChanged={steps.reload} />;
  if (data && (data.total === 0 || submitting))
    return <FirstRun onSubmitting={setSubmitting} checklist={checklist} />;
  // The checklist must not push away what is there already.
  if (data && (steps.data || steps.error)) return <Overview checklist={checklist} />;
  return (
    <Page title={t("title")}>
      {error ? <ErrorBox error={error} onRetry={reload} /> : <Skeleton lines={6} />}
    </Page>
  );
}
