import { ButtonLink } from "../../components/button.tsx";
import { showHint } from "../../hints.ts";
import { may } from "../../session.ts";
import { t } from "./words.ts";

/** The ways back to what explains the product: the first steps on Home, and the introduction of Replicate. */
export function GettingStarted() {
  return (
    <section class="panel" aria-labelledby="settings-start">
      <header class="panel-head">
        <h2 id="settings-start">{t("start")}</h2>
      </header>
      <div class="panel-body stack">
        <p class="muted">{t("start_text")}</p>
        <p class="row">
          <ButtonLink href="/?steps" onClick={() => void showHint("first_steps")}>
            {t("start_steps")}
          </ButtonLink>
          {may("admin.config") && (
            <ButtonLink href="/providers/replicate?introduction">{t("start_introduction")}</ButtonLink>
          )}
        </p>
      </div>
    </section>
  );
}
