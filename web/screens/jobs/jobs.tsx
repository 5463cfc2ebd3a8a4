import { useRef } from "preact/hooks";
import type { JobList } from "@simpletuner-cloud/contract/jobs.ts";
import { call, useLoad } from "../../api.ts";
import { Button, ButtonLink } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon, type IconName } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { formatNumber } from "../../i18n.ts";
import { hrefWith, route, setQuery } from "../../router.ts";
import { may } from "../../session.ts";
import { JobRow } from "./job-row.tsx";
import { JobFiltersBar, StatusTabs } from "./jobs-filters.tsx";
import { useJobPage, type JobFilters, type JobPage } from "./use-job-page.ts";
import { t } from "./words.ts";

function filtersOf(query: URLSearchParams): JobFilters {
  const text = (name: string): string => query.get(name) ?? "";
  return { status: text("status"), provider: text("provider"), q: text("q"), cursor: text("cursor") };
}

function PageLink({
  icon,
  label,
  cursor,
}: {
  icon: IconName;
  label: string;
  cursor: string | null | undefined;
}) {
  const look = "button button-secondary button-icon";
  // At an end the link has no place to go and says so, but keeps its place.
  if (cursor === undefined) {
    return (
      <a class={look} role="link" aria-disabled="true" aria-label={label}>
        <Icon name={icon} />
      </a>
    );
  }
  return (
    <Link
      class={look}
      href={hrefWith({ cursor })}
      aria-label={label}
      title={label}
      onClick={() => scrollTo(0, 0)}
    >
      <Icon name={icon} />
    </Link>
  );
}

function Pager({ list }: { list: JobList }) {
  const total = t.n("total", list.total);
  const single = list.next_cursor === null && list.prev_cursor === null;
  return (
    <nav class="pager" aria-label={t("pages")}>
      <p class="muted number" role="status">
        {single ? total : t("shown", { shown: formatNumber(list.jobs.length), total })}
      </p>
      {!single && (
        <div class="row">
          <PageLink icon="first" label={t("first")} cursor={list.prev_cursor === null ? undefined : null} />
          <PageLink icon="chevronLeft" label={t("previous")} cursor={list.prev_cursor ?? undefined} />
          <PageLink icon="chevronRight" label={t("next")} cursor={list.next_cursor ?? undefined} />
          <PageLink icon="last" label={t("last")} cursor={list.next_cursor === null ? undefined : "last"} />
        </div>
      )}
    </nav>
  );
}

function NothingHere({ filtered }: { filtered: boolean }) {
  const { data } = useLoad((signal) => call("GET /api/cloud/jobs", { query: { limit: 1 }, signal }), []);
  if (!filtered || data?.total === 0) {
    return (
      <EmptyState
        icon="cube"
        title={t("none_title")}
        text={t("none_text")}
        action={
          may("job.submit") && (
            <ButtonLink href="/jobs/new" kind="primary" icon="plus">
              {t("new_job")}
            </ButtonLink>
          )
        }
      />
    );
  }
  return (
    <EmptyState
      icon="filter"
      title={t("none_match")}
      text={data && t.n("hidden", data.total)}
      action={
        <Button onClick={() => setQuery({ status: null, q: null, provider: null, cursor: null })}>
          {t("clear")}
        </Button>
      }
    />
  );
}

/** Moves the focus between the rows' links with the arrow keys, Home and End. */
function moveBetweenRows(event: KeyboardEvent & { currentTarget: HTMLElement }): void {
  if (!(event.target instanceof HTMLAnchorElement)) return;
  const links = [...event.currentTarget.querySelectorAll<HTMLAnchorElement>(".job-name a")];
  const at = links.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  if (at < 0 || to === undefined || !links[to]) return;
  event.preventDefault();
  links[to].focus();
}

function Table({ page, list }: { page: JobPage; list: JobList }) {
  const inside = useRef({ pointer: false, focus: false });
  const hold = (change: Partial<{ pointer: boolean; focus: boolean }>): void => {
    Object.assign(inside.current, change);
    page.hold(inside.current.pointer || inside.current.focus);
  };
  const columns = ["status", "name", "model", "progress", "age", "duration", "provider"] as const;
  return (
    <div
      class={`panel jobs-panel ${page.loading ? "is-loading" : ""}`}
      onPointerEnter={() => hold({ pointer: true })}
      onPointerLeave={() => hold({ pointer: false })}
      onFocusIn={() => hold({ focus: true })}
      onFocusOut={() => hold({ focus: false })}
      onKeyDown={moveBetweenRows}
    >
      <table class="table jobs-table" aria-label={t("table")}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col" class={`col-${column}`}>
                {t(`col_${column}`)}
              </th>
            ))}
            <th scope="col" class="col-acts">
              <span class="only-read">{t("col_acts")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {list.jobs.map((job) => (
            <JobRow key={job.job_id} job={job} onChanged={page.reload} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The list of jobs: states as tabs, filters, pages; everything in the address, everything live. */
export function Jobs() {
  const filters = filtersOf(route.value.query);
  const page = useJobPage(filters);
  const { list } = page;
  const filtered = Boolean(filters.status || filters.provider || filters.q);
  return (
    <Page title={t("title")} class="jobs-page">
      <JobFiltersBar filters={filters} />
      <StatusTabs filters={filters} counts={list?.counts ?? null} />
      {page.error && <ErrorBox error={page.error} onRetry={page.reload} />}
      <p class="jobs-news" role="status">
        {page.changed && (
          <Button size="small" icon="arrowUp" onClick={page.show}>
            {page.fresh > 0 ? t.n("new", page.fresh) : t("show_changes")}
          </Button>
        )}
      </p>
      {!list && page.loading && <Skeleton lines={10} height="2.5rem" />}
      {list && list.jobs.length > 0 && <Table page={page} list={list} />}
      {list && list.jobs.length === 0 && !page.loading && (
        <NothingHere filtered={filtered || filters.cursor !== ""} />
      )}
      {list && list.jobs.length > 0 && <Pager list={list} />}
    </Page>
  );
}
