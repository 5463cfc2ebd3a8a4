import type { JobStatus } from "@simpletuner-cloud/contract/jobs.ts";
import { Icon, type IconName } from "./icon.tsx";
import { t } from "./words.ts";

const icons: Record<JobStatus, IconName> = {
  pending: "clock",
  uploading: "sending",
  queued: "hourglass",
  running: "dot",
  completed: "tick",
  failed: "fail",
  cancelled: "slash",
};

/** The states of a job in the order a job goes through them. */
export const statusOrder = Object.keys(icons) as JobStatus[];

/** The state's word in the current language. */
export function statusWord(status: JobStatus): string {
  return t(`status_${status}`);
}

/** A job's state as icon, word and colour; `cancelling` shows that a stop was asked for. */
export function StatusBadge({ status, cancelling }: { status: JobStatus; cancelling?: boolean }) {
  return (
    <span class={`badge state-${status}`}>
      <Icon name={icons[status]} />
      {cancelling ? t("cancelling") : statusWord(status)}
    </span>
  );
}
