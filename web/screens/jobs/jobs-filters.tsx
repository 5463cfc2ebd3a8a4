import { useEffect, useRef, useState } from "preact/hooks";
import type { JobStatus } from "@simpletuner-cloud/contract/jobs.ts";
import { call, useLoad } from "../../api.ts";
import { Icon } from "../../components/icon.tsx";
import { statusOrder, statusWord } from "../../components/status-badge.tsx";
import { Tabs } from "../../components/tabs.tsx";
import { hrefWith, setQuery } from "../../router.ts";
import { providerWord } from "../../provider-words.ts";
import type { JobFilters } from "./use-job-page.ts";
import { t } from "./words.ts";

const alwaysShown: readonly JobStatus[] = ["running", "completed", "failed"];

/** Tabs by state with the counts under the other filters; rare states show only when there are any. */
export function StatusTabs({
  filters,
  counts,
}: {
  filters: JobFilters;
  counts: Record<string, number> | null;
}) {
  const shown = statusOrder.filter(
    (status) => alwaysShown.includes(status) || (counts?.[status] ?? 0) > 0 || filters.status === status,
  );
  const all = counts ? Object.values(counts).reduce((sum, count) => sum + count, 0) : undefined;
  const tabs = [
    { key: "", text: t("all"), href: hrefWith({ status: null, cursor: null }), count: all },
    ...shown.map((status) => ({
      key: status,
      text: statusWord(status),
      href: hrefWith({ status, cursor: null }),
      count: counts ? (counts[status] ?? 0) : undefined,
    })),
  ];
  return <Tabs label={t("states")} tabs={tabs} current={filters.status} />;
}

function Search({ text }: { text: string }) {
  const [typed, setTyped] = useState(text);
  const timer = useRef(0);
  useEffect(() => {
    setTyped(text);
    return () => clearTimeout(timer.current);
  }, [text]);
  return (
    <div class="search-field" role="search">
      <Icon name="search" />
      <input
        type="search"
        class="input"
        aria-label={t("search")}
        placeholder={t("search")}
        value={typed}
        onInput={(event) => {
          const next = event.currentTarget.value;
          setTyped(next);
          clearTimeout(timer.current);
          timer.current = window.setTimeout(
            () => setQuery({ q: next.trim() || null, cursor: null }, { replace: true }),
            200,
          );
        }}
      />
    </div>
  );
}

function Chip({ text, name }: { text: string; name: string }) {
  return (
    <button
      type="button"
      class="chip chip-button"
      aria-label={t("remove_filter", { name: text })}
      onClick={() => setQuery({ [name]: null, cursor: null })}
    >
      {text}
      <Icon name="cross" />
    </button>
  );
}

/** Search, provider, and the filters in force as chips that take them away. */
export function JobFiltersBar({ filters }: { filters: JobFilters }) {
  const { data } = useLoad((signal) => call("GET /api/cloud/providers", { signal }), []);
  const providers = (data?.providers ?? []).filter((provider) => provider.configured);
  return (
    <div class="job-filters">
      <Search text={filters.q} />
      {(providers.length > 1 || filters.provider) && (
        <select
          class="input job-provider-filter"
          aria-label={t("provider")}
          value={filters.provider}
          onChange={(event) => setQuery({ provider: event.currentTarget.value || null, cursor: null })}
        >
          <option value="">{t("any_provider")}</option>
          {providers.map((provider) => (
            <option key={provider.id} value={provider.id}>
              {providerWord(provider.id)}
            </option>
          ))}
        </select>
      )}
      {filters.q && <Chip name="q" text={t("filter_search", { text: filters.q })} />}
      {filters.provider && (
        <Chip name="provider" text={t("filter_provider", { name: providerWord(filters.provider) })} />
      )}
    </div>
  );
}
