import { BlockList, isIP } from "node:net";
import { StartError } from "./values.ts";

/** Addresses and ranges separated by commas, or the default; throws {@link StartError} naming one that is neither. */
export function addressRangesOf(
  env: NodeJS.ProcessEnv,
  name: string,
  otherwise: readonly string[],
): readonly string[] {
  const text = env[name]?.trim() ?? "";
  return text === "" ? otherwise : rangesIn(text, name, "not");
}

/** The ranges of a list; `not` is what the sentence says before "an address". */
export function rangesIn(text: string, variable: string, not: string): string[] {
  const ranges = text.split(",").map((range) => range.trim());
  for (const range of ranges)
    if (!isRange(range))
      throw new StartError(`${variable}: "${range}" is ${not} an address such as 10.1.2.3 or 10.0.0.0/8.`);
  return ranges;
}

function isRange(text: string): boolean {
  const [address = "", prefix, ...more] = text.split("/");
  const family = isIP(address) === 4 ? "ipv4" : "ipv6";
  try {
    if (prefix === undefined) new BlockList().addAddress(address, family);
    else new BlockList().addSubnet(address, Number(prefix || "none"), family);
    return more.length === 0;
  } catch {
    return false;
  }
}
