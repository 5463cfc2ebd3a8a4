/** A range of training steps, both ends inside. */
export interface StepRange {
  from: number;
  to: number;
}

/** Reads a range from the address; null when it holds none or one that makes no sense. */
export function rangeOfQuery(from: string | null, to: string | null): StepRange | null {
  if (!/^\d{1,12}$/.test(from ?? "") || !/^\d{1,12}$/.test(to ?? "")) return null;
  const range = { from: Number(from), to: Number(to) };
  return range.from < range.to ? range : null;
}

/**
 * `range` made `factor` times as wide around its middle, kept inside `whole`; null when it then is the whole. A range
 * is never narrower than two steps.
 */
export function zoomedRange(range: StepRange, whole: StepRange, factor: number): StepRange | null {
  const middle = (range.from + range.to) / 2;
  const half = Math.max(1, ((range.to - range.from) / 2) * factor);
  return keptInside({ from: Math.round(middle - half), to: Math.round(middle + half) }, whole);
}

/** `range` moved by `share` of its width, kept inside `whole`. */
export function movedRange(range: StepRange, whole: StepRange, share: number): StepRange | null {
  const by = Math.round((range.to - range.from) * share);
  return keptInside({ from: range.from + by, to: range.to + by }, whole);
}

function keptInside(range: StepRange, whole: StepRange): StepRange | null {
  const width = range.to - range.from;
  if (width >= whole.to - whole.from) return null;
  const from = Math.max(whole.from, Math.min(range.from, whole.to - width));
  return { from, to: from + width };
}
