import type { ComponentChildren } from "preact";
import type { Job, JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { ButtonLink } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Icon } from "../../components/icon.tsx";
import { summary, type StepSeries } from "../../components/line-chart-series.ts";
import { Spark } from "../../components/line-chart-spark.tsx";
import { Link } from "../../components/link.tsx";
import { sampleGrid } from "../../components/sample-gallery-grid.ts";
import { Skeleton } from "../../components/skeleton.tsx";
import { Time } from "../../components/time.tsx";
import { Timeline } from "../../components/timeline.tsx";
import { formatBytes, formatInstant, formatMoney, formatNumber, formatSignificant } from "../../i18n.ts";
import { hardwareWord, providerWord } from "../../provider-words.ts";
import { hrefWith } from "../../router.ts";
import { modelFile } from "./artifact-groups.ts";
import type { JobFiles } from "./job-data.ts";
import { JobDeliveries } from "./job-deliveries.tsx";
import type { JobMetrics } from "./job-metrics.ts";
import type { Metrics } from "./metric-loading.ts";
import { t } from "./result-words.ts";

/** What matters of a job at one look. */
export function JobOverview(props: {
  job: Job;
  events: readonly JobEvent[] | null;
  files: JobFiles | null;
  metrics: JobMetrics;
}) {
  const { job, events, files, metrics } = props;
  return (
    <div class="overview">
      {job.status === "completed" && files && <ModelPanel files={files} />}
      <div class="stack">
        {/* While it trains its course matters most, afterwards where its model goes. */}
        {job.is_terminal && <JobDeliveries job={job} />}
        <Panel title={t("timeline")} class="overview-timeline">
          {events ? <Timeline job={job} events={events} /> : <Skeleton lines={4} />}
        </Panel>
        {!job.is_terminal && <JobDeliveries job={job} />}
        <Panel title={t("facts")} class="overview-facts">
          <Facts job={job} />
        </Panel>
      </div>
      <div class="stack">
        {files && metrics.data && (
          <Results artifacts={files.artifacts} metrics={metrics.data} isActive={job.is_active} />
        )}
      </div>
    </div>
  );
}

function Panel(props: {
  title: string;
  note?: string;
  link?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}) {
  return (
    <section class={`panel ${props.class ?? ""}`}>
      <header class="panel-head">
        <h2>
          {props.title} {props.note && <span class="muted small">{props.note}</span>}
        </h2>
        {props.link}
      </header>
      <div class="panel-body">{props.children}</div>
    </section>
  );
}

function ModelPanel({ files }: { files: JobFiles }) {
  const model = modelFile(files.artifacts);
  if (!model) return <p class="overview-model">{t("model_none")}</p>;
  const place = model.path ?? model.key;
  return (
    <section class="overview-model job-note job-note-completed">
      <Icon name="cube" />
      <div class="job-note-body">
        <h2>{t("model_title")}</h2>
        <p>{t("model_text")}</p>
        <p class="model-path" dir="ltr">
          <code>{place}</code>
          <CopyButton text={place} label={t("copy_path")} />
        </p>
        <p class="row">
          <a class="button button-primary" href={model.url} download="">
            <Icon name="download" />
            {t("download_model")} <span class="number">({formatBytes(model.size_bytes)})</span>
          </a>
          <ButtonLink href={hrefWith({ tab: "files" })}>{t("all_files")}</ButtonLink>
        </p>
      </div>
    </section>
  );
}

const mostPictures = 6;

function LastSamples({ artifacts }: { artifacts: readonly Artifact[] }) {
  const grid = sampleGrid(artifacts);
  const step = grid.steps.at(-1);
  if (step === undefined) return null;
  const pictures = grid.rows
    .map((row) => ({ row, artifact: grid.at(row, step) }))
    .filter(({ artifact }) => artifact);
  // Up to four stand in one row; more make even rows of three.
  const columns = pictures.length <= 4 ? pictures.length : 3;
  const link = <Link href={hrefWith({ tab: "samples" })}>{t("all_samples")}</Link>;
  return (
    <Panel title={t("last_samples")} note={t("last_samples_step", { step: formatNumber(step) })} link={link}>
      <ul class="last-samples" style={{ "--columns": String(columns) }}>
        {pictures.slice(0, mostPictures).map(
          ({ row, artifact }) =>
            artifact && (
              <li key={row}>
                <Link href={hrefWith({ tab: "samples", open: String(row) })}>
                  <img
                    src={artifact.url}
                    alt={`${t("last_samples")} ${row + 1}, ${t("last_samples_step", { step })}`}
                    loading="lazy"
                    decoding="async"
                  />
                </Link>
              </li>
            ),
        )}
      </ul>
    </Panel>
  );
}

/** Newest pictures and the curve, or what will be here. */
function Results(props: { artifacts: readonly Artifact[]; metrics: Metrics; isActive: boolean }) {
  const samples = props.artifacts.filter((artifact) => artifact.kind === "sample");
  const loss = props.metrics.series.get("loss");
  if (samples.length === 0 && !loss) {
    return (
      <section class="panel">
        <EmptyState
          icon="image"
          title={t("results_empty_title")}
          text={t(props.isActive ? "results_empty_wait" : "results_empty_end")}
        />
      </section>
    );
  }
  return (
    <>
      <LastSamples artifacts={samples} />
      {loss && <LossPanel series={loss} />}
    </>
  );
}

function LossPanel({ series }: { series: StepSeries }) {
  const found = summary(series);
  if (!found) return null;
  const note = t("loss_now", {
    value: formatSignificant(found.last.value),
    first: formatSignificant(found.first.value),
  });
  return (
    <Panel
      title={t("loss")}
      note={note}
      link={<Link href={hrefWith({ tab: "charts" })}>{t("all_charts")}</Link>}
    >
      <Spark series={series} label={`${t("loss")}: ${note}`} />
    </Panel>
  );
}

function Facts({ job }: { job: Job }) {
  const { trainer, dataset_files: files, dataset_bytes: bytes, dataset_transfer: transfer } = job.metadata;
  return (
    <dl class="facts">
      <Fact name={t("id")}>
        <span class="fact-id">
          <code dir="ltr">{job.job_id}</code> <CopyButton text={job.job_id} />
        </span>
      </Fact>
      {job.config_name && <Fact name={t("config_name")}>{job.config_name}</Fact>}
      {job.model_family && <Fact name={t("model_family")}>{job.model_family}</Fact>}
      <Fact name={t("provider")}>{providerWord(job.provider)}</Fact>
      {job.hardware_type && <Fact name={t("hardware")}>{hardwareWord(job.provider, job.hardware_type)}</Fact>}
      {typeof trainer === "string" && <Fact name={t("trainer")}>{trainerName(trainer)}</Fact>}
      {typeof files === "number" && typeof bytes === "number" && (
        <Fact name={t("datasets")}>
          {t.n("datasets_value", files, { size: formatBytes(bytes) })}{" "}
          <span class="muted">({t(transfer === "package" ? "packaged" : "in_place")})</span>
        </Fact>
      )}
      <Fact name={t("created")}>
        <Instant at={job.created_at} />
      </Fact>
      {job.started_at && (
        <Fact name={t("started")}>
          <Instant at={job.started_at} />
        </Fact>
      )}
      {job.completed_at && (
        <Fact name={t("ended")}>
          <Instant at={job.completed_at} />
        </Fact>
      )}
      {job.cost_usd !== null && (
        <Fact name={t("cost")}>{job.cost_usd === 0 ? t("free") : formatMoney(job.cost_usd)}</Fact>
      )}
      {job.retry_of && (
        <Fact name={t("retry_of")}>
          <Link href={`/jobs/${encodeURIComponent(job.retry_of)}`} class="mono" dir="ltr">
            {job.retry_of}
          </Link>
        </Fact>
      )}
    </dl>
  );
}

function trainerName(kind: string): string {
  const known = (["bundled", "simpletuner", "configured"] as const).find((name) => name === kind);
  return known ? t(`trainer_${known}`) : kind;
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Instant({ at }: { at: string }) {
  return (
    <>
      {formatInstant(at)}{" "}
      <span class="muted">
        (<Time at={at} />)
      </span>
    </>
  );
}
