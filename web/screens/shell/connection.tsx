import { nowMs } from "../../clock.ts";
import { Button } from "../../components/button.tsx";
import { Icon } from "../../components/icon.tsx";
import { formatClock } from "../../i18n.ts";
import { connection, lastHeardAt, retryAt, retryNow } from "../../live.ts";
import { signInNeeded } from "../../signing-in.ts";
import { t } from "./words.ts";

/** A dot with a word: whether what is on screen is live. */
export function ConnectionDot() {
  const state = connection.value;
  return (
    <span class={`connection connection-${state}`}>
      <span class="connection-dot" aria-hidden="true" />
      <span class="connection-word">{t(state)}</span>
    </span>
  );
}

/** Tells that the server does not answer, since when, and when it is tried again; covers no content. */
export function ConnectionBanner() {
  // A server that asks to sign in again is there, and another dialog says so.
  if (connection.value !== "lost" || signInNeeded.value) return null;
  const time = formatClock(new Date(lastHeardAt.value));
  const seconds = Math.ceil(((retryAt.value ?? 0) - nowMs.value) / 1000);
  return (
    <div class="lost" role="status">
      <Icon name="warning" />
      <p>
        <strong>{t("lost_title")}</strong>{" "}
        {/* The countdown is for the eye; announcing each second would be noise. */}
        <span aria-hidden="true">
          {seconds > 0 ? t("lost_retry", { seconds, time }) : t("lost_trying", { time })}
        </span>
      </p>
      <Button size="small" onClick={retryNow}>
        {t("retry")}
      </Button>
    </div>
  );
}
