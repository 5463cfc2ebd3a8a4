import type { ConfigSummary } from "@simpletuner-cloud/contract/configs.ts";
import type { Destination } from "@simpletuner-cloud/contract/destinations.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { formatNumber } from "../../i18n.ts";
import { providerWord } from "../../provider-words.ts";
import { configFields, textOf } from "../config-editor/config-value.ts";
import { t as routeWords } from "../submit/route-words.ts";
import { startWord } from "../submit/consent.tsx";
import type { PlanState } from "../submit/use-plan.ts";
import type { Submission } from "../submit/use-submit.ts";
import { t as submitWords } from "../submit/words.ts";
import type { Check } from "./side.tsx";
import type { JobDraft } from "./draft.ts";
import { chosenPlaces } from "./results-section.tsx";
import { VersionFact } from "./version-fact.tsx";
import { WebhookFact } from "./webhook-fact.tsx";
import { t } from "./words.ts";

function optionText(draft: JobDraft, name: string): string {
  const field = configFields.find((each) => each.names[0] === name);
  return field && draft.value ? textOf(field, draft.value.config) : "";
}

function configWords(draft: JobDraft): string {
  if (draft.source === "saved") return draft.savedName ?? "–";
  return draft.baseName === null ? t("sum_inline") : t("sum_adjusted", { name: draft.baseName });
}

function resultWords(draft: JobDraft, destinations: readonly Destination[] | null): string {
  const names = chosenPlaces(draft, destinations ?? []).map(({ name }) => name);
  return names.length === 0 ? t("sum_results_here") : t("sum_results_also", { places: names.join(", ") });
}

/** How the datasets get to a trainer elsewhere. */
function WayFact({ plan }: { plan: PlanState["data"] }) {
  const way = plan?.route.way;
  if (way === undefined || way === "in_place" || way === "machine") return null;
  return (
    <>
      <dt>{routeWords("sum_way")}</dt>
      <dd>{routeWords(`sum_${way}`)}</dd>
    </>
  );
}

function Summary({
  draft,
  saved,
  plan,
  destinations,
  change,
}: {
  draft: JobDraft;
  saved: readonly ConfigSummary[];
  plan: PlanState;
  destinations: readonly Destination[] | null;
  change: (changes: Partial<JobDraft>) => void;
}) {
  const summary = saved.find((config) => config.name === draft.savedName);
  const isSaved = draft.source === "saved";
  const model = isSaved ? summary?.model_family : optionText(draft, "model_family");
  const steps = isSaved ? summary?.max_train_steps : Number(optionText(draft, "max_train_steps"));
  const files = plan.data && submitWords.n("files", plan.data.total_files);
  const data =
    files &&
    (draft.transfer === "package" ? t("sum_data_package", { files }) : t("sum_data_place", { files }));
  return (
    <dl class="facts">
      <dt>{t("sum_config")}</dt>
      <dd>{configWords(draft)}</dd>
      <dt>{t("sum_model")}</dt>
      <dd>{model || "–"}</dd>
      <dt>{t("sum_steps")}</dt>
      <dd class="number">{steps ? formatNumber(steps) : "–"}</dd>
      <dt>{t("sum_where")}</dt>
      <dd>{providerWord(draft.provider)}</dd>
      <dt>{t("sum_data")}</dt>
      <dd>{data ?? "–"}</dd>
      <WayFact plan={plan.data} />
      <dt>{t("sum_results")}</dt>
      <dd>{resultWords(draft, destinations)}</dd>
      <VersionFact draft={draft} change={change} />
      <WebhookFact provider={draft.provider} />
    </dl>
  );
}

/** Section 5: the run's name, what it will be in short, and the button that starts it. */
export function ReviewSection(props: {
  draft: JobDraft;
  saved: readonly ConfigSummary[];
  destinations: readonly Destination[] | null;
  plan: PlanState;
  submission: Submission;
  checks: readonly Check[];
  change: (changes: Partial<JobDraft>) => void;
  onStart: () => void;
}) {
  const { draft, plan, submission } = props;
  const missing = props.checks.filter((check) => check.state !== "good").map((check) => check.text);
  const ready = missing.length === 0;
  return (
    <section class="panel" aria-labelledby="section-review">
      <header class="panel-head">
        <h2 id="section-review">{t("review")}</h2>
      </header>
      <div class="panel-body stack">
        <Field label={t("run_name")} hint={t("run_name_hint")}>
          {(attributes) => (
            <input
              class="input"
              maxLength={120}
              autoComplete="off"
              placeholder={draft.savedName ?? draft.baseName ?? ""}
              {...attributes}
              value={draft.runName}
              onInput={(event) => props.change({ runName: event.currentTarget.value })}
            />
          )}
        </Field>
        <Summary
          draft={draft}
          saved={props.saved}
          plan={plan}
          destinations={props.destinations}
          change={props.change}
        />
        {submission.error && !submission.planIsStale && <ErrorBox error={submission.error} />}
        <div class="row">
          <Button
            kind="primary"
            size="large"
            icon="play"
            busy={submission.sending}
            disabled={!ready}
            aria-describedby={ready ? undefined : "start-waits"}
            onClick={props.onStart}
          >
            {startWord(plan.data)}
          </Button>
          {!ready && (
            <span id="start-waits" class="small muted">
              {t("why_not", { checks: missing.join(", ") })}
            </span>
          )}
        </div>
      </div>
    </section>
  );
}
