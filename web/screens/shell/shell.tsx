import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { keepText, keptText } from "../../browser-storage.ts";
import { ButtonLink, IconButton } from "../../components/button.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { ToastArea } from "../../components/toast.tsx";
import { lazyScreen } from "../../lazy-screen.tsx";
import { prefetchPath } from "../../prefetch.ts";
import { route } from "../../router.ts";
import { may } from "../../session.ts";
import { BottomBar } from "./bottom-bar.tsx";
import { ConnectionBanner, ConnectionDot } from "./connection.tsx";
import { News } from "./news.tsx";
import { Rail } from "./rail.tsx";
import { UserMenu } from "./user-menu.tsx";
import { t } from "./words.ts";

const palette = lazyScreen(() => import("./palette.tsx").then((module) => module.Palette));

function startsSmall(): boolean {
  const kept = keptText("rail");
  return kept === null ? matchMedia("(max-width: 959px)").matches : kept === "small";
}

const searchKey = /mac|iphone|ipad/i.test(navigator.platform) ? "⌘ K" : "Ctrl K";

function TopBar({ onSearch }: { onSearch: () => void }) {
  return (
    <header class="top">
      <Link href="/" class="brand top-brand" aria-label="SimpleTuner Cloud">
        <img src="/icon.svg" alt="" width="28" height="28" />
      </Link>
      <button type="button" class="top-search" aria-haspopup="dialog" onClick={onSearch}>
        <Icon name="search" />
        <span class="top-search-word">{t("search")}</span>
        <kbd>{searchKey}</kbd>
      </button>
      <div class="top-end">
        <span class="top-connection">
          <ConnectionDot />
        </span>
        <IconButton icon="search" label={t("search_label")} class="top-search-small" onClick={onSearch} />
        {may("job.submit") && route.value.path !== "/jobs/new" && (
          <ButtonLink
            href="/jobs/new"
            kind="primary"
            icon="plus"
            class="top-new"
            onPointerEnter={() => prefetchPath("/jobs/new")}
          >
            {t("new_job")}
          </ButtonLink>
        )}
        <UserMenu />
      </div>
    </header>
  );
}

/** The frame around every screen: menu, top bar, connection, messages. */
export function Shell({ children }: { children?: ComponentChildren }) {
  const [small, setSmall] = useState(startsSmall);
  const [searching, setSearching] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
      event.preventDefault();
      setSearching(true);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const toggle = (): void => {
    keepText("rail", small ? "wide" : "small");
    setSmall(!small);
  };
  return (
    <div class={`shell ${small ? "shell-small" : ""}`}>
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("content")?.focus();
        }}
      >
        {t("skip")}
      </a>
      <Rail small={small} onToggle={toggle} />
      <div class="shell-side">
        <TopBar onSearch={() => setSearching(true)} />
        <main id="content" tabIndex={-1}>
          {children}
        </main>
      </div>
      <BottomBar />
      <ConnectionBanner />
      <News />
      <ToastArea />
      {searching && <palette.Screen onClose={() => setSearching(false)} />}
    </div>
  );
}
