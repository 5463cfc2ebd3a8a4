import type { DatasetPlan } from "@simpletuner-cloud/contract/data-consent.ts";
import { Icon } from "../../components/icon.tsx";
import { Notice } from "../../components/error-box.tsx";
import { formatBytes, formatNumber } from "../../i18n.ts";
import { exclusionReason } from "./exclusion-words.ts";
import type { PlanChange } from "./plan-changes.ts";
import { RouteView } from "./route-view.tsx";
import { t as way } from "./route-words.ts";
import { t } from "./words.ts";

type Planned = DatasetPlan["datasets"][number];

function Excluded({ dataset }: { dataset: Planned }) {
  if (dataset.excluded_count === 0) return <p class="small muted">{t("nothing_excluded")}</p>;
  const rest = dataset.excluded_count - dataset.excluded.length;
  return (
    <details class="excluded">
      <summary>
        <Icon name="shield" />
        {t.n("excluded", dataset.excluded_count)}
        <Icon name="chevronDown" class="excluded-arrow" />
      </summary>
      <ul>
        {dataset.excluded.map((entry) => (
          <li key={entry.path}>
            <code dir="ltr">{entry.path}</code>
            <span class="small muted">
              {exclusionReason(entry.rule, entry.reason)} <code>{entry.rule}</code>
            </span>
          </li>
        ))}
        {rest > 0 && <li class="small muted">{t("excluded_more", { n: formatNumber(rest) })}</li>}
      </ul>
    </details>
  );
}

function DatasetRow({ dataset }: { dataset: Planned }) {
  return (
    <li class="planned">
      <Icon name="folder" />
      <div class="planned-words">
        <p class="planned-name">
          <strong>{dataset.id}</strong>
          <span class="number muted">
            {t.n("files", dataset.file_count)} · {formatBytes(dataset.total_bytes)}
          </span>
        </p>
        <code class="muted" dir="ltr">
          {dataset.instance_data_dir}
        </code>
        <Excluded dataset={dataset} />
      </div>
    </li>
  );
}

/** What changed since the user looked at the plan, dataset by dataset. */
export function PlanChanges({ changes }: { changes: readonly PlanChange[] }) {
  if (changes.length === 0) return null;
  const describe = (change: PlanChange): string => {
    if (change.kind !== "counts") return t(`changed_${change.kind}`, { id: change.id });
    const measure = (of: { file_count: number; total_bytes: number }): string =>
      `${t.n("files", of.file_count)}, ${formatBytes(of.total_bytes)}`;
    return t("changed_counts", {
      id: change.id,
      before: measure(change.before),
      after: measure(change.after),
    });
  };
  return (
    <div role="alert">
      <Notice kind="warning">
        <strong>{t("changed_title")}</strong>
        <ul>
          {changes.map((change) => (
            <li key={change.id}>{describe(change)}</li>
          ))}
        </ul>
        <p>{t("changed_again")}</p>
      </Notice>
    </div>
  );
}

function NothingSent({ plan }: { plan: DatasetPlan }) {
  if (plan.route.way === "nothing")
    return (
      <Notice kind="success">
        <strong>{way("total_nothing_title")}</strong>
        <p>{way("total_nothing_text")}</p>
      </Notice>
    );
  if (plan.consent_mode === "deny") return null;
  return (
    <Notice kind="success">
      <strong>{t("in_place_title")}</strong>
      <p>{t("in_place_text")}</p>
    </Notice>
  );
}

/** What is sent in figures; where it goes and until when is said here only when it stays on this machine. */
function SentFacts({ plan }: { plan: DatasetPlan }) {
  const archive = formatBytes(plan.archive_bytes);
  const stays = plan.route.way === "machine";
  return (
    <dl class="facts">
      <dt>{t("total")}</dt>
      <dd class="number">
        {t.n("files", plan.total_files)} · {formatBytes(plan.total_bytes)}
      </dd>
      {plan.route.limit_bytes === null && plan.route.way !== "hub" && (
        <>
          <dt>{t("archive")}</dt>
          <dd class="number">{plan.archive_bytes_exact ? archive : t("archive_about", { size: archive })}</dd>
        </>
      )}
      {stays && (
        <>
          <dt>{t("destination")}</dt>
          <dd>{t("local_destination")}</dd>
          <dt>{t("deleted")}</dt>
          <dd>{t("local_deleted")}</dd>
        </>
      )}
    </dl>
  );
}

/** Every dataset of a plan with what stays here and why, and where the rest goes and until when. */
export function PlanView({ plan }: { plan: DatasetPlan }) {
  return (
    <div class="stack">
      {plan.datasets.length > 0 && (
        <ul class="panel planned-list">
          {plan.datasets.map((dataset) => (
            <DatasetRow key={dataset.id} dataset={dataset} />
          ))}
        </ul>
      )}
      {plan.requires_upload ? <SentFacts plan={plan} /> : <NothingSent plan={plan} />}
      <RouteView route={plan.route} />
    </div>
  );
}
