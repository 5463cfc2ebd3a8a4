import { words } from "../../i18n.ts";

/** Texts of the storage's limits on the settings page. */
export const t = words({
  en: {
    title: "Models and checkpoints",
    checkpoints: "Checkpoints kept of each job",
    checkpoints_hint:
      "Only the newest stay; models and samples always do. A job's own checkpoints_total_limit goes first.",
    checkpoints_error: "Give a whole number from 1 to 10,000, or leave it empty.",
    job: "Most one job may store, in GiB",
    job_hint: "A job beyond it waits with its finished model until there is room.",
    job_error: "Give a number above 0, or leave it empty.",
    user: "Most one user may store, in GiB",
    user_hint: "All jobs of a user together.",
    user_error: "Give a number above 0, or leave it empty.",
    unlimited: "No limit",
    save: "Save",
    saved: "Saved. It holds from the next file on.",
    admin: "Only an administrator can change this (permission “admin.config”).",
  },
  hi: {
    title: "मॉडल और चेकपॉइंट",
    checkpoints: "हर जॉब के कितने चेकपॉइंट रखें",
    checkpoints_hint:
      "केवल सबसे नए रहते हैं; मॉडल और नमूने हमेशा। जॉब का अपना checkpoints_total_limit पहले माना जाता है।",
    checkpoints_error: "1 से 10,000 तक पूरी संख्या दें, या खाली छोड़ें।",
    job: "एक जॉब अधिकतम कितना रखे (GiB)",
    job_hint: "इससे ज़्यादा होने पर जॉब अपने तैयार मॉडल के साथ जगह होने तक रुकता है।",
    job_error: "0 से बड़ी संख्या दें, या खाली छोड़ें।",
    user: "एक यूज़र अधिकतम कितना रखे (GiB)",
    user_hint: "यूज़र के सभी जॉब मिलाकर।",
    user_error: "0 से बड़ी संख्या दें, या खाली छोड़ें।",
    unlimited: "कोई सीमा नहीं",
    save: "सहेजें",
    saved: "सहेजा गया। अगली फ़ाइल से लागू।",
    admin: "इसे केवल एडमिन बदल सकता है (अनुमति “admin.config”)।",
  },
});
