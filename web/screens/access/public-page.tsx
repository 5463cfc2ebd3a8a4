import type { ComponentChildren } from "preact";
import { Page } from "../../components/page.tsx";
import { ToastArea } from "../../components/toast.tsx";
import { LanguageSwitch, ThemeSwitch } from "../shell/preferences.tsx";

await import("../../styles/access.css");

/** A page for somebody who is not signed in: one narrow card, language and theme, and nothing of the server. */
export function PublicPage({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="public">
      <header class="public-brand">
        <img src="/icon.svg" alt="" width="32" height="32" />
        <span>
          SimpleTuner <span class="muted">Cloud</span>
        </span>
      </header>
      <main id="content" class="panel public-card">
        <Page title={title}>{children}</Page>
      </main>
      <footer class="public-foot">
        <LanguageSwitch withWords />
        <ThemeSwitch />
      </footer>
      <ToastArea />
    </div>
  );
}
