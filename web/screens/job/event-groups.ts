import type { JobEvent } from "@simpletuner-cloud/contract/jobs.ts";

/** Events that follow each other and say the same, told once. */
export interface EventGroup {
  /** The last of them, whose time and words stand for all. */
  event: JobEvent;
  count: number;
  events: readonly JobEvent[];
}

/** Joins neighbouring events of one type about one step, as the pictures of one sampling are. */
export function eventGroups(events: readonly JobEvent[]): EventGroup[] {
  const groups: EventGroup[] = [];
  for (const event of events) {
    const last = groups.at(-1);
    const { step } = event.data;
    if (last && step !== undefined && last.event.type === event.type && last.event.data["step"] === step) {
      groups[groups.length - 1] = { event, count: last.count + 1, events: [...last.events, event] };
    } else {
      groups.push({ event, count: 1, events: [event] });
    }
  }
  return groups;
}
