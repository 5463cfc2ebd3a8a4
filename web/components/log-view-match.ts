import type { AnsiSpan } from "./log-view-ansi.ts";

/** A span, and whether it is part of a search hit. */
export interface MarkedSpan extends AnsiSpan {
  hit: boolean;
}

/** Most spans drawn for one line; what follows is drawn as one plain span, so that no line can flood the page. */
export const mostSpans = 60;

/** Cuts the spans where `query` (ignoring case) begins and ends; a hit may cross several spans. */
export function marked(spans: readonly AnsiSpan[], query: string): MarkedSpan[] {
  const bounded = boundedSpans(spans);
  if (query === "") return bounded.map((span) => ({ ...span, hit: false }));
  const hits = hitRanges(bounded.map((span) => span.text).join(""), query);
  const result: MarkedSpan[] = [];
  let at = 0;
  for (const span of bounded) {
    const end = at + span.text.length;
    let from = at;
    for (const [start, stop] of hits) {
      if (stop <= from || start >= end) continue;
      if (start > from) result.push({ ...span, text: span.text.slice(from - at, start - at), hit: false });
      const cut = Math.min(stop, end);
      result.push({ ...span, text: span.text.slice(Math.max(start, from) - at, cut - at), hit: true });
      from = cut;
    }
    if (from < end) result.push({ ...span, text: span.text.slice(from - at), hit: false });
    at = end;
  }
  return result;
}

/** Start and end of every hit in `text`, without overlaps, at most {@link mostSpans}. */
function hitRanges(text: string, query: string): [number, number][] {
  const haystack = text.toLowerCase();
  const needle = query.toLowerCase();
  // Lower case can be longer than the text (İ); places would not fit then, so nothing is marked.
  if (haystack.length !== text.length || needle === "") return [];
  const hits: [number, number][] = [];
  for (
    let at = haystack.indexOf(needle);
    at >= 0 && hits.length < mostSpans;
    at = haystack.indexOf(needle, at)
  ) {
    hits.push([at, at + needle.length]);
    at += needle.length;
  }
  return hits;
}

function boundedSpans(spans: readonly AnsiSpan[]): readonly AnsiSpan[] {
  if (spans.length <= mostSpans) return spans;
  const rest = spans.slice(mostSpans - 1);
  const [first] = rest;
  if (!first) return spans;
  return [...spans.slice(0, mostSpans - 1), { ...first, text: rest.map((span) => span.text).join("") }];
}
