import { securityEventTypes } from "@simpletuner-cloud/contract/audit-events.ts";
import { call, useLoad } from "../../api.ts";
import { Field } from "../../components/field.tsx";
import { Icon } from "../../components/icon.tsx";
import { route, setQuery } from "../../router.ts";
import { typeWord } from "./type-words.ts";
import { t } from "./words.ts";

/** Filters as the address holds them. */
export interface AuditFilterState {
  type: string;
  security: boolean;
  since: string;
  until: string;
  actor: string;
  target: string;
  offset: number;
}

/** Reads the filters from the address. */
export function filtersOfRoute(): AuditFilterState {
  const { query } = route.value;
  const text = (name: string): string => query.get(name) ?? "";
  return {
    type: text("type"),
    security: text("security") === "1",
    since: text("since"),
    until: text("until"),
    actor: text("actor"),
    target: text("target"),
    offset: Math.max(0, Math.trunc(Number(text("offset")) || 0)),
  };
}

/** The start of a day as this machine counts days, or of the next one. */
function dayStart(day: string, later: number): string | undefined {
  const [year = Number.NaN, month = 1, date = 1] = day.split("-").map(Number);
  const start = new Date(year, month - 1, date + later);
  return Number.isNaN(start.getTime()) ? undefined : start.toISOString();
}

/** The filters as the API takes them. */
export function queryOf({ type, security, since, until, actor, target }: AuditFilterState) {
  return {
    event_type: type || (security ? securityEventTypes.join(",") : undefined),
    actor_id: actor || undefined,
    target_id: target || undefined,
    since: since === "" ? undefined : dayStart(since, 0),
    until: until === "" ? undefined : dayStart(until, 1),
  };
}

function Chip({ name, text }: { name: string; text: string }) {
  return (
    <button
      type="button"
      class="chip chip-button"
      aria-label={t("clear", { name: text })}
      onClick={() => setQuery({ [name]: null, offset: null })}
    >
      {text}
      <Icon name="cross" />
    </button>
  );
}

/** Chooses entries by what happened, when, and who and what is in the address. */
export function AuditFilters({ filters }: { filters: AuditFilterState }) {
  const { data } = useLoad((signal) => call("GET /api/audit/types", { signal }), []);
  const change = (name: string, value: string): void => setQuery({ [name]: value || null, offset: null });
  return (
    <div class="audit-filters">
      <Field label={t("what")}>
        {(attributes) => (
          <select
            class="input"
            {...attributes}
            value={filters.type}
            onChange={(event) => change("type", event.currentTarget.value)}
          >
            <option value="">{t("anything")}</option>
            {(data?.types ?? [filters.type].filter(Boolean)).map((type) => (
              <option key={type} value={type}>
                {typeWord(type)}
              </option>
            ))}
          </select>
        )}
      </Field>
      {(["since", "until"] as const).map((name) => (
        <Field key={name} label={t(name)}>
          {(attributes) => (
            <input
              class="input"
              type="date"
              {...attributes}
              value={filters[name]}
              onChange={(event) => change(name, event.currentTarget.value)}
            />
          )}
        </Field>
      ))}
      <label class="check">
        <input
          type="checkbox"
          checked={filters.security}
          disabled={filters.type !== ""}
          onChange={(event) => change("security", event.currentTarget.checked ? "1" : "")}
        />
        <span>{t("security")}</span>
      </label>
      {filters.actor && <Chip name="actor" text={t("by", { name: filters.actor })} />}
      {filters.target && <Chip name="target" text={t("about_target", { name: filters.target })} />}
    </div>
  );
}
