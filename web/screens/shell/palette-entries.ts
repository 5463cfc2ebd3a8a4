import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { IconName } from "../../components/icon.tsx";
import { statusWord } from "../../components/status-badge.tsx";
import { language, languages, setLanguage, type Language } from "../../i18n.ts";
import { navigate } from "../../router.ts";
import { may, session, signOut } from "../../session.ts";
import { setTheme, theme, type Theme } from "../../theme.ts";
import { menuPages } from "./pages.ts";
import { themeName } from "./preferences.tsx";
import { t } from "./words.ts";

/** One line of the palette. */
export interface PaletteEntry {
  key: string;
  group: string;
  icon: IconName;
  text: string;
  detail?: string;
  run: () => void;
}

/** What the palette offers for `text`: pages and actions whose words hold it, then the jobs found for it. */
export function paletteEntries(text: string, jobs: readonly Job[]): PaletteEntry[] {
  const wanted = text.trim().toLocaleLowerCase();
  const fits = (entry: PaletteEntry): boolean => entry.text.toLocaleLowerCase().includes(wanted);
  return [...pageEntries(), ...actionEntries()].filter(fits).concat(jobs.map(jobEntry));
}

function pageEntries(): PaletteEntry[] {
  return menuPages().map(({ href, icon, word }) => ({
    key: href,
    group: t("group_pages"),
    icon,
    text: word(),
    run: () => navigate(href),
  }));
}

function actionEntries(): PaletteEntry[] {
  const group = t("group_actions");
  const entries: PaletteEntry[] = [];
  if (may("job.submit")) {
    entries.push({ key: "new", group, icon: "plus", text: t("new_job"), run: () => navigate("/jobs/new") });
  }
  if (session.value?.mode === "multi-user") {
    entries.push({
      key: "account",
      group,
      icon: "person",
      text: t("account"),
      run: () => navigate("/account"),
    });
    entries.push({ key: "leave", group, icon: "signOut", text: t("sign_out"), run: () => void signOut() });
  }
  for (const which of ["system", "light", "dark"] satisfies Theme[]) {
    if (which === theme.value) continue;
    const text = t("use_theme", { name: themeName(which) });
    entries.push({ key: which, group, icon: "sun", text, run: () => setTheme(which) });
  }
  for (const which of Object.keys(languages) as Language[]) {
    if (which === language.value) continue;
    const text = t("use_language", { name: languages[which] });
    entries.push({ key: which, group, icon: "globe", text, run: () => setLanguage(which) });
  }
  return entries;
}

function jobEntry(job: Job): PaletteEntry {
  return {
    key: job.job_id,
    group: t("group_jobs"),
    icon: "cube",
    text: job.name,
    detail: `${statusWord(job.status)} · ${job.job_id}`,
    run: () => navigate(`/jobs/${job.job_id}`),
  };
}
