import type { CostSummary } from "@simpletuner-cloud/contract/cost.ts";
import type { Provider } from "@simpletuner-cloud/contract/providers.ts";
import { call, useLoad } from "../../api.ts";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { type Tab, Tabs } from "../../components/tabs.tsx";
import { formatMoney } from "../../i18n.ts";
import { hardwareWord } from "../../provider-words.ts";
import { hrefWith, route } from "../../router.ts";
import { may } from "../../session.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { DayBars } from "./day-bars.tsx";
import { LimitPanel } from "./limit-panel.tsx";
import { t } from "./words.ts";

const spans = [7, 30, 90] as const;

function chosenDays(): number | null {
  const asked = Number(route.value.query.get("days"));
  return spans.find((days) => days === asked) ?? null;
}

function PeriodTabs({ days }: { days: number | null }) {
  const tabs: Tab[] = [
    { key: "month", text: t("this_month"), href: hrefWith({ days: null }) },
    ...spans.map((span) => ({
      key: String(span),
      text: t("last_days", { n: span }),
      href: hrefWith({ days: String(span) }),
    })),
  ];
  return <Tabs label={t("period")} tabs={tabs} current={days === null ? "month" : String(days)} />;
}

function Tiles({ summary }: { summary: CostSummary }) {
  const { projection } = summary;
  return (
    <dl class="tiles">
      <div class="panel tile">
        <dt>{t("spent")}</dt>
        <dd class="tile-number">
          {formatMoney(summary.total_cost_usd)}
          <span class="tile-note">{t.n("spent_jobs", summary.job_count)}</span>
        </dd>
      </div>
      <div class="panel tile">
        <dt>{t("now")}</dt>
        <dd class="tile-number">
          {formatMoney(projection.cost_per_hour_usd)}
          <span class="tile-note">
            {t.n("running", projection.running_jobs)}
            {projection.waiting_jobs > 0 && ` · ${t.n("waiting", projection.waiting_jobs)}`}
          </span>
        </dd>
      </div>
      <div class="panel tile">
        <dt>{t("still")}</dt>
        <dd class="tile-number">
          {formatMoney(projection.remaining_usd)}
          <span class="tile-note">{t("still_note")}</span>
        </dd>
      </div>
      <div class="panel tile">
        <dt>{t("projected")}</dt>
        <dd class="tile-number">{formatMoney(summary.total_cost_usd + projection.remaining_usd)}</dd>
      </div>
    </dl>
  );
}

interface Row {
  key: string;
  name: string;
  href: string | null;
  cost_usd: number;
  jobs: number;
}

/** What was spent under each heading of one kind, the dearest first. */
function Groups({ id, title, rows }: { id: string; title: string; rows: readonly Row[] }) {
  const highest = Math.max(...rows.map((row) => row.cost_usd), 0);
  return (
    <section class="panel" aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{title}</h2>
      </header>
      <ul class="cost-groups">
        {rows.map((row) => (
          <li key={row.key}>
            <span class="cost-name">
              {row.href === null ? row.name : <Link href={row.href}>{row.name}</Link>}
              <span class="small muted">{t.n("spent_jobs", row.jobs)}</span>
            </span>
            <span class="number">{formatMoney(row.cost_usd)}</span>
            <span class="cost-share" aria-hidden="true">
              <span style={{ inlineSize: highest > 0 ? `${(row.cost_usd / highest) * 100}%` : "0" }} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function OpenJobs({ jobs }: { jobs: CostSummary["projection"]["jobs"] }) {
  if (jobs.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="cost-open">
      <header class="panel-head">
        <h2 id="cost-open">{t("open")}</h2>
      </header>
      <ul class="cost-groups">
        {jobs.map((job) => (
          <li key={job.job_id}>
            <span class="cost-name">
              <Link href={`/jobs/${encodeURIComponent(job.job_id)}`}>{job.name}</Link>
              <span class="small muted">
                {hardwareWord(job.provider, job.hardware)} ·{" "}
                {t("per_hour", { money: formatMoney(job.cost_per_hour_usd) })}
              </span>
            </span>
            <span class="number">
              {t("open_cost", {
                cost: formatMoney(job.cost_usd),
                projected: formatMoney(job.projected_cost_usd),
              })}
            </span>
            <span class="cost-share" aria-hidden="true">
              <span
                style={{
                  inlineSize:
                    job.projected_cost_usd > 0 ? `${(job.cost_usd / job.projected_cost_usd) * 100}%` : "0",
                }}
              />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Spent({ summary, providers }: { summary: CostSummary; providers: readonly Provider[] }) {
  const placeName = (id: string): string =>
    id === "local" ? t("local") : (providers.find((provider) => provider.id === id)?.name ?? id);
  const hardwareName = (provider: string, id: string): string =>
    providers.find((each) => each.id === provider)?.hardware.find((each) => each.id === id)?.name ??
    (id || t("unknown_hardware"));
  return (
    <>
      <section class="panel" aria-labelledby="cost-days">
        <header class="panel-head">
          <h2 id="cost-days">{t("by_day")}</h2>
        </header>
        <div class="panel-body">
          <DayBars key={`${summary.from} ${summary.to}`} days={summary.by_day} />
        </div>
      </section>
      <OpenJobs jobs={summary.projection.jobs} />
      <div class="cost-columns">
        <Groups
          id="cost-provider"
          title={t("by_provider")}
          rows={summary.by_provider.map(({ provider, ...row }) => ({
            ...row,
            key: provider,
            name: placeName(provider),
            href: `/jobs?provider=${encodeURIComponent(provider)}`,
          }))}
        />
        <Groups
          id="cost-hardware"
          title={t("by_hardware")}
          rows={summary.by_hardware.map(({ provider, hardware, ...row }) => ({
            ...row,
            key: `${provider} ${hardware}`,
            name: hardwareName(provider, hardware),
            href: null,
          }))}
        />
        {summary.by_user.length > 1 && may("job.view.all") && (
          <Groups
            id="cost-user"
            title={t("by_user")}
            rows={summary.by_user.map(({ user_id, username, ...row }) => ({
              ...row,
              key: user_id,
              name: username ?? user_id,
              href: null,
            }))}
          />
        )}
      </div>
    </>
  );
}

function isEmpty({ job_count, projection }: CostSummary): boolean {
  return job_count === 0 && projection.running_jobs + projection.waiting_jobs === 0;
}

/** What jobs cost: this month or a stretch of days, what is to come, and the limits on it. */
export function Cost() {
  const days = chosenDays();
  const { data, error, reload } = useLoad(
    (signal) => call("GET /api/cloud/cost/summary", { query: days === null ? {} : { days }, signal }),
    [days],
    { keepPrevious: true },
  );
  const providers = useLoad((signal) => call("GET /api/cloud/providers", { signal }), []);
  useReloadOn(["job.created", "job.status", "job.progress", "job.deleted"], reload, () => true, 3_000);
  const known = providers.data?.providers ?? [];
  const limits = <LimitPanel providers={known.filter((provider) => provider.capabilities.cost)} />;
  return (
    <Page title={t("title")} class="cost-page">
      {error && <ErrorBox error={error} onRetry={reload} />}
      {!data && !error && <Skeleton lines={8} />}
      {data && (days !== null || !isEmpty(data)) && <PeriodTabs days={days} />}
      {data && !isEmpty(data) && <Tiles summary={data} />}
      {data && !isEmpty(data) && limits}
      {data &&
        (isEmpty(data) ? (
          <section class="panel">
            <EmptyState
              icon="coin"
              title={t("empty_title")}
              text={
                <>
                  {t("empty_free")} {t("empty_paid")}
                </>
              }
            />
          </section>
        ) : (
          <Spent summary={data} providers={known} />
        ))}
      {data && isEmpty(data) && limits}
    </Page>
  );
}
