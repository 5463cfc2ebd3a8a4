import { useState } from "preact/hooks";
import type { AuditEntry } from "@simpletuner-cloud/contract/audit.ts";
import { call, useLoad } from "../../api.ts";
import { Button, IconButton } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { formatInstant, formatNumber } from "../../i18n.ts";
import { setQuery } from "../../router.ts";
import { useAuditCheck } from "./audit-check.tsx";
import { AuditEntryDialog, targetOf, whoOf } from "./audit-entry.tsx";
import { AuditFilters, type AuditFilterState, filtersOfRoute, queryOf } from "./audit-filters.tsx";
import { useCollector } from "./collector-card.tsx";
import { typeWord } from "./type-words.ts";
import { t } from "./words.ts";

await import("../../styles/people.css");
await import("../../styles/audit.css");

const pageSize = 50;

function Row({ entry, onOpen }: { entry: AuditEntry; onOpen: () => void }) {
  const target = targetOf(entry);
  return (
    <tr>
      <td>
        <time dateTime={entry.timestamp}>{formatInstant(entry.timestamp)}</time>
      </td>
      <th scope="row">
        {typeWord(entry.event_type)}
        {target !== null && <span class="small muted under audit-narrow">{target}</span>}
      </th>
      <td>
        {whoOf(entry)}
        {entry.actor_ip !== null && <span class="small muted under number">{entry.actor_ip}</span>}
      </td>
      <td class="wide-only">
        {target ?? <span class="muted">–</span>}
        {target !== null && entry.target_type !== null && (
          <span class="small muted under">{entry.target_type}</span>
        )}
      </td>
      <td class="audit-more">
        <IconButton icon="chevronRight" label={t("more", { id: entry.id })} onClick={onOpen} />
      </td>
    </tr>
  );
}

function Table({ entries }: { entries: readonly AuditEntry[] }) {
  const [open, setOpen] = useState<AuditEntry | null>(null);
  return (
    <div class="panel table-wrap">
      <table class="table people-table" aria-label={t("table")}>
        <thead>
          <tr>
            <th scope="col">{t("col_time")}</th>
            <th scope="col">{t("col_what")}</th>
            <th scope="col">{t("col_who")}</th>
            <th scope="col" class="wide-only">
              {t("col_target")}
            </th>
            <th scope="col" class="audit-more">
              <span class="only-read">{t("col_more")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <Row key={entry.id} entry={entry} onOpen={() => setOpen(entry)} />
          ))}
        </tbody>
      </table>
      {open && <AuditEntryDialog entry={open} onClose={() => setOpen(null)} />}
    </div>
  );
}

function Pages({ offset, shown, total }: { offset: number; shown: number; total: number }) {
  const go = (to: number): void => setQuery({ offset: to > 0 ? String(to) : null });
  return (
    <div class="row">
      {total > pageSize && (
        <>
          <Button disabled={offset === 0} icon="chevronLeft" onClick={() => go(offset - pageSize)}>
            {t("earlier")}
          </Button>
          <Button
            disabled={offset + shown >= total}
            icon="chevronRight"
            onClick={() => go(offset + pageSize)}
          >
            {t("later")}
          </Button>
        </>
      )}
      <span class="small muted" role="status">
        {t("page", {
          from: formatNumber(offset + 1),
          to: formatNumber(offset + shown),
          total: formatNumber(total),
        })}
      </span>
    </div>
  );
}

function Exports({ filters }: { filters: AuditFilterState }) {
  const given = Object.entries(queryOf(filters)).filter(
    (pair): pair is [string, string] => pair[1] !== undefined,
  );
  return (
    <p class="row small">
      <span class="muted">{t("export_as")}:</span>
      {(["jsonl", "csv"] as const).map((format) => (
        <a
          key={format}
          href={`/api/audit/export?${new URLSearchParams([["format", format], ...given])}`}
          download=""
        >
          {t(format)}
        </a>
      ))}
    </p>
  );
}

function Entries({ filters }: { filters: AuditFilterState }) {
  const { data, error, reload } = useLoad(
    (signal) =>
      call("GET /api/audit", {
        query: { ...queryOf(filters), limit: pageSize, offset: filters.offset },
        signal,
      }),
    [JSON.stringify(filters)],
    { keepPrevious: true },
  );
  if (error) return <ErrorBox error={error} onRetry={reload} />;
  if (!data) return <Skeleton lines={8} />;
  const filtered = Object.values(queryOf(filters)).some((value) => value !== undefined);
  if (data.entries.length === 0)
    return (
      <EmptyState icon="shield" title={t("none_title")} text={filtered ? t("none_text") : t("none_yet")} />
    );
  return (
    <>
      <Table entries={data.entries} />
      <Pages offset={filters.offset} shown={data.entries.length} total={data.total} />
      <Exports filters={filters} />
    </>
  );
}

/** The audit: who did what, found, exported, and checked for changes. */
export function Audit() {
  const filters = filtersOfRoute();
  const stats = useLoad((signal) => call("GET /api/audit/stats", { signal }), []);
  const check = useAuditCheck();
  const collector = useCollector();
  return (
    <Page
      title={t("title")}
      above={
        <Link href="/settings" class="crumb">
          <Icon name="arrowLeft" />
          {t("all")}
        </Link>
      }
      actions={
        <>
          {collector.button}
          {check.button}
        </>
      }
    >
      <div class="muted">
        <p>{t("about")}</p>
        {stats.data && (
          <p class="small">
            {t("counts", {
              total: formatNumber(stats.data.total_entries),
              day: formatNumber(stats.data.last_24h),
            })}
          </p>
        )}
      </div>
      {check.result}
      {collector.card}
      <AuditFilters filters={filters} />
      <Entries filters={filters} />
    </Page>
  );
}
