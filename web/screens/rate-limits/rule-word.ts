import { t } from "./words.ts";

const known = [
  "login",
  "register",
  "api_keys",
  "password",
  "submit",
  "cancel",
  "webhooks",
  "storage",
  "quotas",
  "default",
] as const;

/** What a rule is about, in words; one's own rules are numbered. */
export function ruleWord(name: string): string {
  const word = known.find((one) => one === name);
  return word === undefined ? t("own", { n: name.replace("custom_", "") }) : t(word);
}
