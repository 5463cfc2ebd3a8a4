import { useEffect, useState } from "preact/hooks";
import type { Destination } from "@simpletuner-cloud/contract/destinations.ts";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { toast } from "../../components/toast.tsx";
import { route } from "../../router.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { useValidation, type Validation } from "../config-editor/use-validation.ts";
import { isRefused } from "../submit/consent.tsx";
import { FollowStart } from "../submit/follow-start.tsx";
import { usePlan, type PlanState } from "../submit/use-plan.ts";
import { useSubmit } from "../submit/use-submit.ts";
import { ConfigSection } from "./config-section.tsx";
import { DataSection } from "./data-section.tsx";
import { estimateOf, planOf, submitOf, type JobDraft } from "./draft.ts";
import { chosenPlaces, ResultsSection } from "./results-section.tsx";
import { ReviewSection } from "./review-section.tsx";
import { Side, type Check } from "./side.tsx";
import { forgetDraft, formId, useDraft, type DraftStart } from "./use-draft.ts";
import { takesJobs, WhereSection } from "./where-section.tsx";
import { t } from "./words.ts";

function checksOf(state: {
  draft: JobDraft;
  validation: Validation;
  plan: PlanState;
  broken: boolean;
  placeTakesJobs: boolean | null;
}): Check[] {
  const { draft, validation, plan } = state;
  const judge = (known: boolean, good: boolean): Check["state"] =>
    known ? (good ? "good" : "bad") : "waiting";
  const settled = plan.current;
  const planned = plan.data !== null;
  return [
    {
      key: "config",
      text: t("check_config"),
      state: state.broken ? "bad" : judge(validation.known, validation.valid),
    },
    {
      key: "provider",
      text: t("check_provider"),
      state: judge(state.placeTakesJobs !== null, state.placeTakesJobs === true),
    },
    {
      key: "data",
      text: t("check_data"),
      state: judge(settled && (planned || plan.error !== null), planned && plan.data?.route.refusal === null),
    },
    {
      key: "consent",
      text: t("check_consent"),
      state: judge(settled && planned, plan.data !== null && !isRefused(plan.data, draft.transfer)),
    },
  ];
}

/** The draft without places that were removed since it was made. */
function withKnownPlaces(draft: JobDraft, known: readonly Destination[] | null): JobDraft {
  if (!draft.destinations || !known) return draft;
  return {
    ...draft,
    destinations: chosenPlaces(draft, known).map(({ destination_id }) => destination_id),
  };
}

function Form({
  start,
  draft,
  change,
}: {
  start: DraftStart;
  draft: JobDraft;
  change: (changes: Partial<JobDraft>) => void;
}) {
  const [broken, setBroken] = useState(false);
  const configs = useLoad((signal) => call("GET /api/configs", { signal }), []);
  const providers = useLoad((signal) => call("GET /api/cloud/providers", { signal }), []);
  const destinations = useLoad((signal) => call("GET /api/cloud/destinations", { signal }), []);
  const submission = useSubmit(formId(start));
  const validation = useValidation(draft.source === "saved" ? draft.savedName : draft.value);
  const plan = usePlan(validation.known && !validation.valid ? null : planOf(draft));
  useReloadOn(["settings.changed"], plan.reload);
  useReloadOn(["settings.changed"], destinations.reload);
  useEffect(() => {
    if (submission.planIsStale) plan.reload();
  }, [submission.error]);
  useEffect(() => {
    const only = configs.data?.configs;
    if (only?.length === 1 && only[0] && draft.source === "saved" && draft.savedName === null) {
      change({ savedName: only[0].name });
    }
  }, [configs.data]);
  if (submission.jobId !== null) {
    const leave = (): void => {
      forgetDraft(start);
      submission.forget();
    };
    return <FollowStart jobId={submission.jobId} onCancelled={submission.forget} onLeave={leave} />;
  }
  // Parts that come one after the other would push each other away.
  const waitsFor = [configs, providers, destinations].some(
    (part) => part.data === null && part.error === null,
  );
  if (waitsFor) return <Skeleton lines={8} />;
  const saved = configs.data?.configs ?? null;
  const places = destinations.data?.destinations ?? null;
  const place = providers.data?.providers.find((provider) => provider.id === draft.provider);
  const placeTakesJobs = providers.data ? place !== undefined && takesJobs(place) : null;
  const checks = checksOf({ draft, validation, plan, broken, placeTakesJobs });
  const begin = (): void => {
    const request = submitOf(withKnownPlaces(draft, places), plan.data?.consent_token ?? null);
    if (request && checks.every((check) => check.state === "good")) void submission.submit(request);
  };
  return (
    <div class="new-job">
      <div class="stack">
        {configs.error && <ErrorBox error={configs.error} onRetry={configs.reload} />}
        <ConfigSection
          draft={draft}
          saved={saved}
          validation={validation}
          change={change}
          onBroken={setBroken}
        />
        <WhereSection draft={draft} providers={providers.data?.providers ?? []} change={change} />
        <DataSection
          draft={draft}
          plan={plan}
          chosen={planOf(draft) !== null}
          stale={submission.planIsStale}
        />
        <ResultsSection draft={draft} destinations={places} change={change} />
        <ReviewSection
          draft={draft}
          destinations={places}
          saved={saved ?? []}
          plan={plan}
          submission={submission}
          checks={checks}
          change={change}
          onStart={begin}
        />
      </div>
      <Side estimate={estimateOf(draft)} plan={plan.data} checks={checks} />
    </div>
  );
}

/** The new-job page: configuration, place, data and consent, review; then packaging until the job starts. */
export function NewJob() {
  const { query } = route.value;
  const start: DraftStart = { clone: query.get("clone"), config: query.get("config") };
  const { draft, error, change, discard } = useDraft(start);
  const clear = (): void => {
    const old = discard();
    if (old)
      toast({ kind: "info", text: t("discarded"), action: { label: t("undo"), run: () => change(old) } });
  };
  const heading = draft?.clonedFrom ? t("title_clone", { name: draft.clonedFrom }) : t("title");
  return (
    <Page
      title={t("title")}
      heading={heading}
      actions={
        <Button kind="quiet" icon="retry" onClick={clear}>
          {t("discard")}
        </Button>
      }
    >
      {error && <ErrorBox error={error} title={t("clone_failed")} />}
      {!draft && !error && <Skeleton lines={8} />}
      {draft && <Form key={formId(start)} start={start} draft={draft} change={change} />}
    </Page>
  );
}
