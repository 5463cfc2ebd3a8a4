import { useState } from "preact/hooks";
import type { DatabaseStats, DatabaseVerdict } from "@simpletuner-cloud/contract/database.ts";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { toast } from "../../components/toast.tsx";
import { formatBytes, formatNumber } from "../../i18n.ts";
import { t } from "./database-words.ts";

const whole = { params: { database: "state" } } as const;

function Facts({ stats }: { stats: DatabaseStats }) {
  const size = formatBytes(stats.size_bytes);
  const unused = stats.reclaimable_bytes ?? 0;
  return (
    <dl class="facts">
      <dt>{t("engine")}</dt>
      <dd>
        {stats.engine} <span class="number">{stats.version}</span>
      </dd>
      <dt>{t("location")}</dt>
      <dd dir="ltr">
        <code>{stats.location}</code>
      </dd>
      <dt>{t("size")}</dt>
      <dd class="number">{unused > 0 ? t("unused", { size, unused: formatBytes(unused) }) : size}</dd>
      <dt>{t("jobs")}</dt>
      <dd class="number">{formatNumber(stats.job_count)}</dd>
    </dl>
  );
}

function Verdict({ verdict }: { verdict: DatabaseVerdict }) {
  if (verdict.valid) {
    const rows = Object.values(verdict.rows).reduce((sum, count) => sum + count, 0);
    return <Notice kind="success">{t.n("sound", rows)}</Notice>;
  }
  return (
    <Notice kind="error">
      <p>{t("problems")}</p>
      <ul dir="ltr">
        {verdict.problems.map((problem) => (
          <li key={problem}>{problem}</li>
        ))}
      </ul>
    </Notice>
  );
}

/** Where everything is kept: how large it is, whether it is sound, and giving unused space back. */
export function DatabasePanel() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/database/stats", { signal }), []);
  const [busy, setBusy] = useState<"check" | "vacuum" | null>(null);
  const [verdict, setVerdict] = useState<DatabaseVerdict | null>(null);
  const [failure, setFailure] = useState<Error | null>(null);
  const run = async (act: "check" | "vacuum", work: () => Promise<void>): Promise<void> => {
    setBusy(act);
    setFailure(null);
    setVerdict(null);
    await work().catch((thrown: unknown) => setFailure(asError(thrown)));
    setBusy(null);
    reload();
  };
  const check = async (): Promise<void> =>
    setVerdict(await call("GET /api/database/verify/{database}", whole));
  const vacuum = async (): Promise<void> => {
    const done = await call("POST /api/database/vacuum/{database}", whole);
    const [before, after] = [formatBytes(done.before_bytes), formatBytes(done.after_bytes)];
    toast({ kind: "success", text: t("vacuumed", { before, after }) });
  };
  return (
    <section class="panel" aria-labelledby="database">
      <header class="panel-head">
        <h2 id="database">{t("title")}</h2>
      </header>
      <div class="panel-body stack">
        {error && <ErrorBox error={error} onRetry={reload} />}
        {!data && !error && <Skeleton lines={4} />}
        {data && <Facts stats={data} />}
        <p class="small muted">{t("about")}</p>
        <div class="row">
          <Button busy={busy === "check"} disabled={busy !== null} onClick={() => void run("check", check)}>
            {t("check")}
          </Button>
          <Button
            busy={busy === "vacuum"}
            disabled={busy !== null}
            onClick={() => void run("vacuum", vacuum)}
          >
            {t("vacuum")}
          </Button>
        </div>
        <div aria-live="polite">{verdict && <Verdict verdict={verdict} />}</div>
        {failure && <ErrorBox error={failure} />}
      </div>
    </section>
  );
}
