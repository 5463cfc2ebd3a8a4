import { useState } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { MenuButton, type MenuItem } from "../../components/menu.tsx";
import { toast } from "../../components/toast.tsx";
import { errorText } from "../../error-text.ts";
import { navigate } from "../../router.ts";
import { may } from "../../session.ts";
import { retryJob } from "./job-acts.ts";
import { CancelDialog, DeleteDialog } from "./job-dialogs.tsx";
import { t } from "./words.ts";

async function retry(job: Job, onChanged?: () => void): Promise<void> {
  try {
    const made = await retryJob(job);
    if (!made) return;
    onChanged?.();
    const action = { label: t("open"), run: () => navigate(`/jobs/${made.job_id}`) };
    toast({ kind: "success", text: t("retried", { name: job.name }), action });
  } catch (error) {
    if (error instanceof Error) toast({ kind: "error", text: errorText(error) });
  }
}

/** What can be done to a job from a list: only what its state and the user's permissions allow. */
export function JobMenu({ job, onChanged }: { job: Job; onChanged?: () => void }) {
  const [asking, setAsking] = useState<"cancel" | "delete" | null>(null);
  const items: (MenuItem | false)[] = [
    { key: "open", icon: "arrowRight", text: t("open"), run: () => navigate(`/jobs/${job.job_id}`) },
    job.is_active &&
      !job.cancel_requested &&
      may("job.cancel.own") && {
        key: "cancel",
        icon: "stop",
        text: t("cancel"),
        danger: true,
        run: () => setAsking("cancel"),
      },
    job.is_terminal &&
      may("job.submit") && {
        key: "retry",
        icon: "retry",
        text: t("retry"),
        run: () => void retry(job, onChanged),
      },
    may("job.submit") && {
      key: "clone",
      icon: "copy",
      text: t("clone"),
      run: () => navigate(`/jobs/new?clone=${encodeURIComponent(job.job_id)}`),
    },
    job.is_terminal &&
      may("job.delete.own") && {
        key: "delete",
        icon: "trash",
        text: t("delete"),
        danger: true,
        run: () => setAsking("delete"),
      },
  ];
  const close = (): void => setAsking(null);
  const done = onChanged ? { onDone: onChanged } : {};
  return (
    <>
      <MenuButton label={t("acts", { name: job.name })} items={items.filter((item) => item !== false)} />
      {asking === "cancel" && <CancelDialog job={job} onClose={close} {...done} />}
      {asking === "delete" && <DeleteDialog job={job} onClose={close} {...done} />}
    </>
  );
}
