import { call, useLoad } from "../../api.ts";
import { Icon } from "../../components/icon.tsx";
import { useReloadOn } from "../../use-reload-on.ts";
import { t } from "./words.ts";

/** The newest sample picture of a job, or a quiet placeholder of the same size; follows the job live. */
export function LastSample({ jobId, name }: { jobId: string; name: string }) {
  const { data, reload } = useLoad(
    async (signal) => {
      const { artifacts } = await call("GET /api/cloud/jobs/{job_id}/artifacts", {
        params: { job_id: jobId },
        query: { kind: "sample", limit: 1000 },
        signal,
      });
      // Equal steps hold one picture per prompt; the first prompt's stands for the job.
      return artifacts.reduce<(typeof artifacts)[number] | null>(
        (newest, each) => (newest === null || (each.step ?? 0) > (newest.step ?? 0) ? each : newest),
        null,
      );
    },
    [jobId],
  );
  useReloadOn(["job.sample"], reload, (event) => event.job_id === jobId);
  return (
    <span class="last-sample">
      {data ? (
        <img
          src={data.url}
          alt={t("last_sample", { name })}
          loading="lazy"
          decoding="async"
          onLoad={(event) => {
            const { naturalWidth, classList } = event.currentTarget;
            // Tiny pictures read better as crisp pixels than as a blur.
            classList.toggle("is-tiny", naturalWidth < 96);
          }}
        />
      ) : (
        <Icon name="image" />
      )}
    </span>
  );
}
