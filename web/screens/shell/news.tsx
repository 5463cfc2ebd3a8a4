import { useEffect, useState } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { toast } from "../../components/toast.tsx";
import { onEvent } from "../../live.ts";
import { navigate, route } from "../../router.ts";
import { newVersion } from "../../session.ts";
import { t } from "./words.ts";

const throttleMs = 5000;

function tell(job: Job): void {
  const href = `/jobs/${job.job_id}`;
  if (route.peek().path.startsWith(href)) return;
  const action = { label: t("open"), run: () => navigate(href) };
  if (job.status === "completed") {
    toast({ kind: "success", text: t("job_completed", { name: job.name }), action });
  } else if (job.status === "failed") {
    toast({ kind: "error", text: t("job_failed", { name: job.name }), action });
  }
}

/** Tells of finished jobs by toast, and of started ones to screen readers, at most once in five seconds. */
export function News() {
  const [text, setText] = useState("");
  useEffect(() => {
    let lastAt = 0;
    return onEvent("job.status", ({ job }) => {
      if (!job) return;
      tell(job);
      if (job.status !== "running" || Date.now() - lastAt < throttleMs) return;
      lastAt = Date.now();
      setText(t("job_started", { name: job.name }));
    });
  }, []);
  const version = newVersion.value;
  useEffect(() => {
    if (version === null) return;
    const action = { label: t("reload"), run: () => location.reload() };
    return toast({ kind: "warning", text: t("new_version", { version }), action, seconds: 3600 });
  }, [version]);
  return (
    <p class="only-read" role="status">
      {text}
    </p>
  );
}
