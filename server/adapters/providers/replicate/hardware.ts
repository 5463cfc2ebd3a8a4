import type { HardwarePrice } from "../../../domain/provider-settings.ts";

/** Prices in billionths of a dollar per second (CONTRACT 1.3.3). */
const kinds = {
  h100: { name: "H100 (80 GB)", nanoUsdPerSecond: 1_525_000 },
  l40s: { name: "L40S (48 GB)", nanoUsdPerSecond: 972_222 },
} as const;

/** A way to train at Replicate: the model decides the hardware, and that the price. */
export interface HardwareProfile {
  /** e.g. `h100-x2`. */
  id: string;
  name: string;
  /** `owner/name`. */
  model: string;
  /** Null for a model whose hardware is not known here. */
  nanoUsdPerSecond: number | null;
}

/** The profiles that there are, h100 first; models are `simpletuner/advanced-trainer-<id>`. */
export const hardwareProfiles: readonly HardwareProfile[] = (["h100", "l40s"] as const).flatMap((kind) =>
  [1, 2, 4, 8].map((count) => {
    const id = count === 1 ? kind : `${kind}-x${count}`;
    return {
      id,
      name: count === 1 ? kinds[kind].name : `${count} × ${kinds[kind].name}`,
      model: `simpletuner/advanced-trainer-${id}`,
      nanoUsdPerSecond: kinds[kind].nanoUsdPerSecond * count,
    };
  }),
);

/** What of the settings decides over hardware. */
export interface HardwareSettings {
  /** `owner/name` or `owner/name:version`. */
  model: string;
  /** The profile to put first; one that the model does not leave is passed over. */
  hardwareProfile: string | null;
  hardwarePrices: ReadonlyMap<string, HardwarePrice>;
}

/** The profiles that the settings leave, the default first: those of the family, or the one model of somebody else. */
export function profilesOf({ model, hardwareProfile, hardwarePrices }: HardwareSettings): HardwareProfile[] {
  const left = profilesOfModel(model).map((profile) => priced(profile, hardwarePrices));
  const first = left.find(({ id }) => id === hardwareProfile);
  return first ? [first, ...left.filter((profile) => profile !== first)] : left;
}

function profilesOfModel(model: string): readonly HardwareProfile[] {
  const [name = "", version] = model.split(":");
  const own = hardwareProfiles.find((profile) => profile.model === name);
  if (!own) return [{ id: name, name, model, nanoUsdPerSecond: null }];
  // A version belongs to one model only.
  if (version !== undefined) return [{ ...own, model }];
  return [own, ...hardwareProfiles.filter((profile) => profile !== own)];
}

/** The profile with the price that was set for it, or for one GPU of its kind. */
function priced(profile: HardwareProfile, prices: ReadonlyMap<string, HardwarePrice>): HardwareProfile {
  const own = prices.get(profile.id);
  if (own) return { ...profile, name: own.name ?? profile.name, nanoUsdPerSecond: own.nanoUsdPerSecond };
  const [, kind = "", count] = /^(.+)-x(\d+)$/.exec(profile.id) ?? [];
  const single = prices.get(kind);
  return single ? { ...profile, nanoUsdPerSecond: single.nanoUsdPerSecond * Number(count) } : profile;
}

/** Dollars of an hour, to the millionth. */
export function usdPerHour({ nanoUsdPerSecond }: HardwareProfile): number | null {
  return nanoUsdPerSecond === null ? null : Math.round(nanoUsdPerSecond * 3.6) / 1_000_000;
}
