import type { ConfigValue } from "../config-editor/config-value.ts";

/** An option that two configurations set differently, as texts; null = not set. */
export interface ConfigDifference {
  key: string;
  mine: string | null;
  theirs: string | null;
}

/** The options that differ, in alphabetical order; the dataset list counts as one, under the key "". */
export function configDifferences(mine: ConfigValue, theirs: ConfigValue): ConfigDifference[] {
  const keys = [...new Set([...Object.keys(mine.config), ...Object.keys(theirs.config)])].sort();
  const differences = keys.map((key) => ({
    key,
    mine: textOrNull(mine.config[key]),
    theirs: textOrNull(theirs.config[key]),
  }));
  differences.push({ key: "", mine: textOrNull(mine.datasets), theirs: textOrNull(theirs.datasets) });
  return differences.filter((each) => each.mine !== each.theirs);
}

function textOrNull(value: unknown): string | null {
  if (value === undefined) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}
