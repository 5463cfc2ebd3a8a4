import type { DatasetPlan } from "@simpletuner-cloud/contract/data-consent.ts";
import { Icon } from "../../components/icon.tsx";
import { formatBytes } from "../../i18n.ts";
import { Estimate, type EstimateRequest } from "../submit/estimate.tsx";
import { t as submitWords } from "../submit/words.ts";
import { t } from "./words.ts";

/** One thing that must hold before a job can start; `waiting` = not known yet. */
export interface Check {
  key: string;
  text: string;
  state: "good" | "bad" | "waiting";
}

const icons = { good: "tick", bad: "fail", waiting: "clock" } as const;

function sentWords(plan: DatasetPlan | null): string {
  if (!plan) return t("sent_wait");
  if (!plan.requires_upload) return t("sent_nothing");
  return `${submitWords.n("files", plan.total_files)} · ${formatBytes(plan.archive_bytes)}`;
}

/** The column beside the form: estimate, what is sent, checks; all kept current while the form changes. */
export function Side({
  estimate,
  plan,
  checks,
}: {
  estimate: EstimateRequest | null;
  plan: DatasetPlan | null;
  checks: readonly Check[];
}) {
  return (
    <aside class="panel new-job-side" aria-label={t("side")}>
      <div class="panel-body stack">
        <h2>{t("side")}</h2>
        <Estimate request={estimate} />
        <dl class="estimate">
          <div>
            <dt>
              <Icon name="sending" />
              {t("sent")}
            </dt>
            <dd>{sentWords(plan)}</dd>
          </div>
        </dl>
        <ul class="checks" aria-label={t("checks")}>
          {checks.map((check) => (
            <li key={check.key} class={`check-${check.state}`}>
              <Icon name={icons[check.state]} />
              {check.state === "bad" ? t("check_bad", { check: check.text }) : check.text}
            </li>
          ))}
        </ul>
      </div>
    </aside>
  );
}
