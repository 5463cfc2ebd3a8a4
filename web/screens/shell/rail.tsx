import { IconButton } from "../../components/button.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { prefetchPath } from "../../prefetch.ts";
import { route } from "../../router.ts";
import { ConnectionDot } from "./connection.tsx";
import { isPageCurrent, menuPages } from "./pages.ts";
import { LanguageSwitch, ThemeSwitch } from "./preferences.tsx";
import { RunningJobs } from "./running-jobs.tsx";
import { t } from "./words.ts";

/** The menu at the side: pages, running jobs, connection, theme and language. */
export function Rail({ small, onToggle }: { small: boolean; onToggle: () => void }) {
  const path = route.value.path;
  const toggle = small ? t("widen_menu") : t("narrow_menu");
  return (
    <aside class="rail" aria-label={t("side")}>
      <div class="rail-head">
        <Link href="/" class="brand" aria-label="SimpleTuner Cloud">
          <img src="/icon.svg" alt="" width="28" height="28" />
          <span class="brand-words">
            SimpleTuner <span class="muted">Cloud</span>
          </span>
        </Link>
        <IconButton
          icon="panel"
          label={toggle}
          aria-expanded={!small}
          class="rail-toggle"
          onClick={onToggle}
        />
      </div>
      <nav aria-label={t("main_menu")}>
        <ul class="rail-pages">
          {menuPages().map((page) => (
            <li key={page.href}>
              <Link
                href={page.href}
                class="rail-page"
                title={small ? page.word() : undefined}
                aria-current={isPageCurrent(page.href, path) ? "page" : undefined}
                onPointerEnter={() => prefetchPath(page.href)}
              >
                <Icon name={page.icon} />
                <span class="rail-word">{page.word()}</span>
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div class="rail-foot">
        <RunningJobs />
        <ConnectionDot />
        <div class="rail-switches">
          <ThemeSwitch />
          <LanguageSwitch />
        </div>
      </div>
    </aside>
  );
}
