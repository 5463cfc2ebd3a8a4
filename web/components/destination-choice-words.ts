import { words } from "../i18n.ts";

/** Texts of the choice between destinations. */
export const t = words({
  en: { default: "Default" },
  hi: { default: "डिफ़ॉल्ट" },
});
