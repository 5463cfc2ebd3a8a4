import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { Delivery, DeliveryProgress } from "@simpletuner-cloud/contract/deliveries.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon, type IconName } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { ProgressBar } from "../../components/progress-bar.tsx";
import { Time } from "../../components/time.tsx";
import { formatBytes, formatDuration, formatInstant, formatNumber } from "../../i18n.ts";
import { serverText } from "../../server-text.ts";
import { may } from "../../session.ts";
import { t } from "./delivery-words.ts";

const icons: Readonly<Record<Delivery["status"], IconName>> = {
  waiting: "clock",
  running: "sending",
  delivered: "tick",
  failed: "fail",
  cancelled: "slash",
};
const states: Readonly<Record<Delivery["status"], string>> = {
  waiting: "pending",
  running: "running",
  delivered: "completed",
  failed: "failed",
  cancelled: "cancelled",
};

function stateWord({ status, attempt }: Delivery, job: Job): string {
  if (status === "waiting") return t(job.is_active ? "waiting_job" : "waiting");
  const word = t(status);
  return status === "running" && attempt > 1 ? `${word}, ${t("attempt", { n: attempt })}` : word;
}

/** Bytes, files, rate and time left of a delivery under way. */
function Progress({ progress, name }: { progress: DeliveryProgress; name: string }) {
  const { bytes_done: done, bytes_total: total, bytes_per_second: rate, eta_seconds: left } = progress;
  return (
    <>
      <ProgressBar
        value={total === 0 ? null : (100 * done) / total}
        label={t("bar", { name })}
        tone="sending"
      />
      <p class="transfer-figures number">
        <span>
          {t("files_of", {
            done: formatNumber(progress.files_done),
            total: formatNumber(progress.files_total),
          })}
        </span>
        <span>{t("bytes_of", { done: formatBytes(done), total: formatBytes(total) })}</span>
        {rate > 0 && <span>{t("speed", { size: formatBytes(rate) })}</span>}
        {left !== null && <span>{t("left", { time: formatDuration(left) })}</span>}
      </p>
      {progress.current_file !== null && (
        <p class="small muted cut" dir="ltr">
          {progress.current_file}
        </p>
      )}
    </>
  );
}

/** Where the results are by now, with a link where people can look at them. */
function Target({ delivery }: { delivery: Delivery }) {
  const { target, url, destination: name, progress, status } = delivery;
  if (target === null || status !== "delivered") return null;
  return (
    <p class="delivery-target small">
      <code dir="ltr">{target}</code>
      <CopyButton text={target} />
      {url !== null && (
        <a href={url} target="_blank" rel="noreferrer" aria-label={t("act_of", { act: t("open"), name })}>
          {t("open")} <Icon name="external" />
        </a>
      )}
      {progress && (
        <span class="muted number">
          {t("sent", {
            files: t.n("files", progress.files_total),
            size: formatBytes(progress.bytes_total),
          })}
        </span>
      )}
    </p>
  );
}

/** Why it failed or was cancelled, and what happens next. */
function Reason({ delivery }: { delivery: Delivery }) {
  const { status, error_message: message, next_attempt_at: next, destination_id: place } = delivery;
  if (status !== "failed" && status !== "cancelled") return null;
  return (
    <div class="small delivery-reason">
      {message !== null && <p>{serverText(message, delivery.error_code)}</p>}
      {status === "failed" && (
        <p class="muted">
          {next === null ? t("again_never") : t("again_at", { time: formatInstant(next) })}{" "}
          {place !== null && may("admin.config") && (
            <Link href={`/settings/destinations?edit=${encodeURIComponent(place)}`}>{t("change_place")}</Link>
          )}
        </p>
      )}
    </div>
  );
}

interface Act {
  what: "retry" | "cancel";
  word: string;
}

/** What a person can do with a delivery of its state. */
function actsOf({ status, by, destination_id: place, next_attempt_at: next }: Delivery): Act[] {
  if (by === "trainer" || !may("job.submit")) return [];
  const stop: Act = { what: "cancel", word: t("cancel") };
  const retry = (word: string): Act[] => (place === null ? [] : [{ what: "retry", word }]);
  switch (status) {
    case "waiting":
    case "running":
      return [stop];
    case "failed":
      return [...retry(t("retry")), ...(next === null ? [] : [stop])];
    case "cancelled":
      return retry(t("deliver_now"));
    case "delivered":
      return retry(t("again"));
  }
}

function Acts({ delivery }: { delivery: Delivery }): ComponentChildren {
  const [busy, setBusy] = useState<Act["what"] | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const acts = actsOf(delivery);
  const run = async (what: Act["what"]): Promise<void> => {
    setBusy(what);
    setError(null);
    const { job_id, delivery_id } = delivery;
    const request = { params: { job_id, delivery_id } };
    try {
      await (what === "retry"
        ? call("POST /api/cloud/jobs/{job_id}/deliveries/{delivery_id}/retry", request)
        : call("POST /api/cloud/jobs/{job_id}/deliveries/{delivery_id}/cancel", request));
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(null);
  };
  if (acts.length === 0) return null;
  return (
    <>
      <p class="row delivery-acts">
        {acts.map(({ what, word }) => (
          <Button
            key={what}
            size="small"
            icon={what === "retry" ? "retry" : "stop"}
            busy={busy === what}
            aria-label={t("act_of", { act: word, name: delivery.destination })}
            onClick={() => void run(what)}
          >
            {word}
          </Button>
        ))}
      </p>
      {error && <ErrorBox error={error} />}
    </>
  );
}

/** One delivery: its place, its state, how far it is or why it failed, and what can be done. */
export function DeliveryRow({ delivery, job }: { delivery: Delivery; job: Job }) {
  const { status, destination: name, progress, completed_at: ended } = delivery;
  return (
    <li class="delivery">
      <p class="delivery-head">
        <strong>{name}</strong>
        <span class={`delivery-state state-${states[status]}`} role="status">
          <Icon name={icons[status]} />
          {stateWord(delivery, job)}
        </span>
        {ended !== null && (
          <span class="small muted">
            <Time at={ended} />
          </span>
        )}
      </p>
      {delivery.by === "trainer" && <p class="small muted">{t("by_trainer")}</p>}
      {status === "running" && progress && <Progress progress={progress} name={name} />}
      <Target delivery={delivery} />
      <Reason delivery={delivery} />
      <Acts delivery={delivery} />
    </li>
  );
}
