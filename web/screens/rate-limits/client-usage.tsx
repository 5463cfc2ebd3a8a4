import { useState } from "preact/hooks";
import type { RateLimitUsage, RateLimitUse } from "@simpletuner-cloud/contract/rate-limits.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Field } from "../../components/field.tsx";
import { toast } from "../../components/toast.tsx";
import { formatNumber } from "../../i18n.ts";
import { ruleWord } from "./rule-word.ts";
import { t } from "./words.ts";

function Used({ use }: { use: RateLimitUse }) {
  const { rule, used, limit, window_seconds, retry_after_seconds: wait } = use;
  return (
    <li class="rate-use">
      <strong>{ruleWord(rule)}</strong>
      <span class="number">
        {t("used", {
          used: formatNumber(used),
          limit: formatNumber(limit),
          seconds: formatNumber(window_seconds),
        })}
        {wait > 0 && <span class="rate-full"> · {t("full", { seconds: formatNumber(wait) })}</span>}
      </span>
    </li>
  );
}

/** How much of the limits one client has used, and a way to let it through again. */
export function ClientUsage() {
  const [client, setClient] = useState("");
  const [usage, setUsage] = useState<RateLimitUsage | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const done = async (work: () => Promise<RateLimitUsage>): Promise<RateLimitUsage | null> => {
    setBusy(true);
    setError(null);
    try {
      const found = await work();
      setUsage(found);
      return found;
    } catch (thrown) {
      setUsage(null);
      setError(asError(thrown));
      return null;
    } finally {
      setBusy(false);
    }
  };
  const look = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (client.trim() === "") return;
    await done(() => call("GET /api/cloud/rate-limits/usage", { query: { client: client.trim() } }));
  };
  const reset = async (of: string): Promise<void> => {
    const found = await done(() => call("POST /api/cloud/rate-limits/reset", { body: { client: of } }));
    if (found) toast({ kind: "success", text: t("was_reset", { client: found.client }) });
  };
  return (
    <section class="panel" aria-labelledby="rate-client">
      <header class="panel-head">
        <h2 id="rate-client">{t("client")}</h2>
      </header>
      <form class="panel-body stack" onSubmit={(event) => void look(event)}>
        <Field label={t("client_label")} hint={t("client_hint")}>
          {(attributes) => (
            <input
              class="input"
              maxLength={100}
              dir="ltr"
              autocomplete="off"
              {...attributes}
              value={client}
              onInput={(event) => setClient(event.currentTarget.value)}
            />
          )}
        </Field>
        <p>
          <Button type="submit" busy={busy}>
            {t("look")}
          </Button>
        </p>
        {error && <ErrorBox error={error} />}
        <div role="status" class="stack">
          {usage?.rules.length === 0 && <p class="muted">{t("nothing", { client: usage.client })}</p>}
          {usage && usage.rules.length > 0 && (
            <>
              <ul class="rate-uses">
                {usage.rules.map((use) => (
                  <Used key={use.rule} use={use} />
                ))}
              </ul>
              <p>
                <Button busy={busy} onClick={() => void reset(usage.client)}>
                  {t("reset")}
                </Button>
              </p>
            </>
          )}
        </div>
      </form>
    </section>
  );
}
