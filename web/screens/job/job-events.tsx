import { useMemo, useState } from "preact/hooks";
import type { JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import { Skeleton } from "../../components/skeleton.tsx";
import { formatInstant, locale } from "../../i18n.ts";
import { eventGroups, type EventGroup } from "./event-groups.ts";
import { eventReason, eventSentence } from "./event-words.ts";
import { t } from "./result-words.ts";

/** Everything that is recorded of a job. */
export function JobEvents({ events }: { events: readonly JobEvent[] | null }) {
  const [newestFirst, setNewestFirst] = useState(true);
  const groups = useMemo(() => eventGroups(events ?? []), [events]);
  if (!events) return <Skeleton lines={6} />;
  const shown = newestFirst ? groups.toReversed() : groups;
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>
          {t("events_title")} <span class="muted small number">{t.n("events_count", events.length)}</span>
        </h2>
        <div class="segments" role="group" aria-label={t("events_title")}>
          <button type="button" aria-pressed={newestFirst} onClick={() => setNewestFirst(true)}>
            {t("events_newest")}
          </button>
          <button type="button" aria-pressed={!newestFirst} onClick={() => setNewestFirst(false)}>
            {t("events_oldest")}
          </button>
        </div>
      </header>
      <ol class="events">
        {shown.map((group) => (
          <EventRow key={group.events[0]?.id} group={group} />
        ))}
      </ol>
    </section>
  );
}

function clockOf(at: string): string {
  return new Intl.DateTimeFormat(locale.value, { timeStyle: "medium" }).format(new Date(at));
}

function EventRow({ group: { event, count, events } }: { group: EventGroup }) {
  const reason = eventReason(event);
  return (
    <li class="event">
      <time class="muted number" dateTime={event.at} title={formatInstant(event.at)}>
        {clockOf(event.at)}
      </time>
      <div class="event-text">
        <span>
          {eventSentence(event)} {count > 1 && <span class="chip number">× {count}</span>}
        </span>
        {reason && <span class="muted">{reason}</span>}
      </div>
      <details class="event-more">
        <summary class="small">
          <code>{event.type}</code>
        </summary>
        <pre dir="ltr" tabIndex={0} aria-label={t("events_details")}>
          {JSON.stringify(count > 1 ? events.map((one) => one.data) : event.data, null, 2)}
        </pre>
      </details>
    </li>
  );
}
