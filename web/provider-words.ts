import { words } from "./i18n.ts";

const t = words({
  en: {
    local: "This machine",
    hardware: "{n} × {name}",
  },
  hi: {
    local: "यह मशीन",
    hardware: "{n} × {name}",
  },
});

/** Providers are named as they name themselves. */
const names: Readonly<Record<string, string>> = { replicate: "Replicate", simpletuner_io: "SimpleTuner.io" };

/** A provider's name for people. */
export function providerWord(provider: string): string {
  return provider === "local" ? t("local") : (names[provider] ?? provider);
}

/** Hardware for people: `h100-x2` of Replicate is 2 × H100; what tells its own name stays as it is. */
export function hardwareWord(provider: string, hardware: string): string {
  const [, card, count] = (provider === "replicate" && /^(h100|l40s)(?:-x(\d+))?$/.exec(hardware)) || [];
  if (card === undefined) return hardware;
  const name = card.toUpperCase();
  return count === undefined ? name : t("hardware", { n: Number(count), name });
}
