import { useState } from "preact/hooks";
import type { CircuitBreakerState } from "@simpletuner-cloud/contract/circuit-breakers.ts";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { toast } from "../../components/toast.tsx";
import { may } from "../../session.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { t } from "./words.ts";

const looks = {
  closed: { icon: "tick", status: "healthy" },
  half_open: { icon: "warning", status: "degraded" },
  open: { icon: "fail", status: "unhealthy" },
} as const;

function Breaker({ breaker, onReset }: { breaker: CircuitBreakerState; onReset: () => void }) {
  const { name, state, failure_count, retry_after } = breaker;
  const { icon, status } = looks[state];
  const facts = [
    failure_count > 0 && t("failures", { n: failure_count }),
    retry_after !== null && t("retry_in", { n: retry_after }),
  ].filter(Boolean);
  return (
    <li class={`breaker health-${status}`}>
      <Icon name={icon} />
      <span>
        <span dir="ltr">{name}</span>: {t(state)}
        {facts.length > 0 && <span class="small muted"> · {facts.join(" · ")}</span>}
      </span>
      {may("admin.config") && (state !== "closed" || failure_count > 0) && (
        <Button size="small" onClick={onReset} aria-label={`${t("reset")}: ${name}`}>
          {t("reset")}
        </Button>
      )}
    </li>
  );
}

/** Whether calls to services outside go through, and a way to let them through again at once. */
export function Breakers() {
  const { data, error, reload } = useLoad(
    (signal) => call("GET /api/cloud/circuit-breakers", { signal }),
    [],
  );
  const [failure, setFailure] = useState<Error | null>(null);
  useReloadOn(["circuit_breaker.reset"], reload);
  const reset = async (breaker: string): Promise<void> => {
    setFailure(null);
    try {
      await call("POST /api/cloud/circuit-breakers/{breaker}/reset", { params: { breaker } });
      toast({ kind: "success", text: t("reset_done", { name: breaker }) });
      reload();
    } catch (thrown) {
      setFailure(asError(thrown));
    }
  };
  return (
    <section class="panel" aria-labelledby="health-breakers">
      <header class="panel-head">
        <h2 id="health-breakers">{t("breakers")}</h2>
      </header>
      <div class="panel-body stack">
        <p class="muted">{t("breakers_text")}</p>
        {error && <ErrorBox error={error} onRetry={reload} />}
        {failure && <ErrorBox error={failure} />}
        <ul class="breakers">
          {data?.circuit_breakers.map((breaker) => (
            <Breaker key={breaker.name} breaker={breaker} onReset={() => void reset(breaker.name)} />
          ))}
        </ul>
      </div>
    </section>
  );
}
