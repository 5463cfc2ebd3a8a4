import type { DatasetPlan } from "@simpletuner-cloud/contract/data-consent.ts";
import { Notice } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { t } from "./words.ts";

/** Whether a plan may not be submitted: its datasets would have to be sent while uploads are off, or do not get there. */
export function isRefused(plan: DatasetPlan, transfer: "in_place" | "package"): boolean {
  return isDenied(plan, transfer) || plan.route.refusal !== null;
}

function isDenied({ consent_mode, route }: DatasetPlan, transfer: "in_place" | "package"): boolean {
  return transfer === "package" && route.way !== "nothing" && consent_mode === "deny";
}

/** The words of the button that starts a job with this plan. */
export function startWord(plan: DatasetPlan | null): string {
  return plan?.requires_upload ? t("upload_and_start") : t("start");
}

/** What pressing the start button agrees to, or why it cannot be pressed. */
export function ConsentLine({ plan, transfer }: { plan: DatasetPlan; transfer: "in_place" | "package" }) {
  if (isDenied(plan, transfer)) {
    return (
      <Notice kind="warning">
        <strong>{t("consent_deny_title")}</strong>
        <p>
          {t("consent_deny")} <Link href="/settings">{t("consent_change")}</Link>
        </p>
      </Notice>
    );
  }
  if (!plan.requires_upload || plan.route.refusal) return null;
  const text =
    plan.consent_mode === "ask"
      ? t("consent_ask", { button: startWord(plan), files: t.n("files", plan.total_files) })
      : t("consent_allow");
  return (
    <p class="consent-line small">
      <Icon name="shield" />
      {text}
    </p>
  );
}
