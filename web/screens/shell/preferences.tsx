import { Icon, type IconName } from "../../components/icon.tsx";
import { language, languages, setLanguage, type Language } from "../../i18n.ts";
import { setTheme, theme, type Theme } from "../../theme.ts";
import { t } from "./words.ts";

const themeIcons: Record<Theme, IconName> = { system: "monitor", light: "sun", dark: "moon" };

/** The name of a theme in the current language. */
export function themeName(which: Theme): string {
  return t(`theme_${which}`);
}

/** Three buttons that choose the theme; `withWords` writes the names out. */
export function ThemeSwitch({ withWords }: { withWords?: boolean }) {
  return (
    <div class="segments" role="group" aria-label={t("theme")}>
      {(Object.keys(themeIcons) as Theme[]).map((which) => (
        <button
          key={which}
          type="button"
          aria-pressed={theme.value === which}
          aria-label={themeName(which)}
          title={themeName(which)}
          onClick={() => setTheme(which)}
        >
          <Icon name={themeIcons[which]} />
          {withWords && themeName(which)}
        </button>
      ))}
    </div>
  );
}

const shortNames: Record<Language, string> = { en: "EN", hi: "हि" };

/** One button per language, named in that language. */
export function LanguageSwitch({ withWords }: { withWords?: boolean }) {
  return (
    <div class="segments" role="group" aria-label={t("language")}>
      {(Object.keys(languages) as Language[]).map((which) => (
        <button
          key={which}
          type="button"
          lang={which}
          aria-pressed={language.value === which}
          title={languages[which]}
          onClick={() => setLanguage(which)}
        >
          {!withWords && shortNames[which]}
          <span class={withWords ? "" : "only-read"}>{languages[which]}</span>
        </button>
      ))}
    </div>
  );
}
