import type { SafetensorsTensor } from "@simpletuner-cloud/contract/artifacts.ts";
import { locale } from "../../i18n.ts";

/** The sides of a tensor as people write them: `16 × 64`; empty for a single number. */
export function shapeText(shape: readonly number[]): string {
  return shape.join(" × ");
}

/** The tensors that hold every word of `filter` in their name, type or shape; `16x64` finds `16 × 64`. */
export function matchingTensors(
  tensors: readonly SafetensorsTensor[],
  filter: string,
): readonly SafetensorsTensor[] {
  const parts = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (parts.length === 0) return tensors;
  return tensors.filter(({ name, dtype, shape }) => {
    const text = `${name} ${dtype} ${shape.join("x")} ${shape.join("×")}`.toLowerCase();
    return parts.every((part) => text.includes(part));
  });
}

/** Metadata that is JSON in a text, as trainers store tag counts, on lines of its own; anything else as it is. */
export function readableMetadata(text: string): string {
  if (!/^[{[]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** A count by its size: `183 K`, `12.3 M`, in the words of the reader's language. */
export function compactCount(count: number): string {
  return new Intl.NumberFormat(locale.value, { notation: "compact", maximumSignificantDigits: 3 }).format(
    count,
  );
}
