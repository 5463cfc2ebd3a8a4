import { useState } from "preact/hooks";
import { Dialog } from "../../components/dialog.tsx";
import { Icon, type IconName } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { route } from "../../router.ts";
import { may } from "../../session.ts";
import { ConnectionDot } from "./connection.tsx";
import { isPageCurrent, menuPages } from "./pages.ts";
import { LanguageSwitch, ThemeSwitch } from "./preferences.tsx";
import { t } from "./words.ts";

function Entry({ href, icon, word }: { href: string; icon: IconName; word: string }) {
  return (
    <Link
      href={href}
      class="bottom-page"
      aria-current={isPageCurrent(href, route.value.path) ? "page" : undefined}
    >
      <Icon name={icon} />
      {word}
    </Link>
  );
}

/** The menu of narrow screens: four places and "More" for the rest. */
export function BottomBar() {
  const [open, setOpen] = useState(false);
  const pages = menuPages();
  const first = pages.filter((page) => ["/", "/jobs", "/queue"].includes(page.href));
  const rest = pages.filter((page) => !first.includes(page));
  const entries = first.map((page) => (
    <Entry key={page.href} href={page.href} icon={page.icon} word={page.word()} />
  ));
  if (may("job.submit")) {
    entries.splice(2, 0, <Entry key="new" href="/jobs/new" icon="plus" word={t("new_short")} />);
  }
  return (
    <nav class="bottom-bar" aria-label={t("main_menu")}>
      {entries}
      <button type="button" class="bottom-page" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <Icon name="more" />
        {t("more")}
      </button>
      <Dialog open={open} title={t("more")} onClose={() => setOpen(false)}>
        <ul class="more-pages">
          {rest.map((page) => (
            <li key={page.href}>
              <Link href={page.href} class="rail-page" onClick={() => setOpen(false)}>
                <Icon name={page.icon} />
                {page.word()}
              </Link>
            </li>
          ))}
        </ul>
        <div class="stack">
          <ThemeSwitch withWords />
          <LanguageSwitch withWords />
          <ConnectionDot />
        </div>
      </Dialog>
    </nav>
  );
}
