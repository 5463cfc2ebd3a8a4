import { createHash } from "node:crypto";

/** Prices of one card in billionths of a dollar per second, as Replicate lists them. */
const prices = { h100: 1_525_000, l40s: 972_222 } as const;

/** The models there are, with what a second of each costs. */
export const models: ReadonlyMap<string, { version: string; nanoUsdPerSecond: number }> = new Map([
  ...Object.entries(prices).flatMap(([card, price]) =>
    [1, 2, 4, 8].map((count) => {
      const name = `simpletuner/advanced-trainer-${card}${count === 1 ? "" : `-x${count}`}`;
      return [name, { version: versionOf(name), nanoUsdPerSecond: price * count }] as const;
    }),
  ),
  [
    "simpletuner/webhook-check",
    { version: versionOf("simpletuner/webhook-check"), nanoUsdPerSecond: 100_000 },
  ],
]);

/** The model that calls an address for its input, instead of training. */
export const webhookCheckModel = "simpletuner/webhook-check";

/** A version as real ones are, 64 hexadecimal digits, the same for the same model. */
function versionOf(model: string): string {
  return createHash("sha256").update(model).digest("hex");
}

/** The model that a version names, alone or behind `owner/name:`. */
export function modelOfVersion(given: string) {
  for (const [name, model] of models)
    if (given === model.version || given === `${name}:${model.version}`) return { name, ...model };
  return null;
}
