import { useRef, useState } from "preact/hooks";
import type { CostSummary } from "@simpletuner-cloud/contract/cost.ts";
import { formatMoney, locale } from "../../i18n.ts";
import { t } from "./words.ts";

type Day = CostSummary["by_day"][number];

function dayName(date: string): string {
  return new Intl.DateTimeFormat(locale.value, { day: "numeric", month: "short", timeZone: "UTC" }).format(
    new Date(date),
  );
}

function dayWords(day: Day): string {
  const value = t("day_value", { day: dayName(day.date), money: formatMoney(day.cost_usd) });
  return day.jobs === 0 ? value : `${value} · ${t.n("spent_jobs", day.jobs)}`;
}

/** Arrow keys and the ends, in the direction in which the days are written. */
const moves: Record<string, (at: number, last: number) => number> = {
  ArrowLeft: (at) => at - 1,
  ArrowRight: (at) => at + 1,
  Home: () => 0,
  End: (_, last) => last,
};

/** One bar a day; the day that is pointed at or has the focus is told below. */
export function DayBars({ days }: { days: readonly Day[] }) {
  const [at, setAt] = useState<number | null>(null);
  const list = useRef<HTMLUListElement>(null);
  const last = days.length - 1;
  const highest = Math.max(...days.map((day) => day.cost_usd), 0);
  const told = at === null ? null : days[at];
  const go = (place: number): void => {
    const next = Math.max(0, Math.min(last, place));
    setAt(next);
    list.current?.querySelectorAll("button")[next]?.focus();
  };
  return (
    <div class="day-bars-box">
      <p class="day-highest number muted small" aria-hidden="true">
        {formatMoney(highest)}
      </p>
      <ul class="day-bars" ref={list} aria-label={t("day_bars")}>
        {days.map((day, place) => (
          <li key={day.date}>
            <button
              type="button"
              class="day-bar"
              tabIndex={place === (at ?? last) ? 0 : -1}
              aria-label={dayWords(day)}
              onFocus={() => setAt(place)}
              onMouseEnter={() => setAt(place)}
              onClick={() => setAt(place)}
              onKeyDown={(event) => {
                const move = moves[event.key];
                if (!move) return;
                event.preventDefault();
                go(move(place, last));
              }}
            >
              <span
                class="day-bar-fill"
                style={{ blockSize: highest > 0 ? `${(day.cost_usd / highest) * 100}%` : "0" }}
              />
            </button>
          </li>
        ))}
      </ul>
      <div class="day-ends small muted" aria-hidden="true">
        <span>{days[0] && dayName(days[0].date)}</span>
        <span>{days[last] && dayName(days[last].date)}</span>
      </div>
      <p class="day-told" aria-live="off">
        {told ? dayWords(told) : <span class="muted">{t("day_pick")}</span>}
      </p>
    </div>
  );
}
