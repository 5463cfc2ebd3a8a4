import { useRef } from "preact/hooks";
import { call, type Loaded, useLoad } from "../../api.ts";
import { Button, ButtonLink } from "../../components/button.tsx";
import { Icon } from "../../components/icon.tsx";
import { toast } from "../../components/toast.tsx";
import { dismissHint, showHint } from "../../hints.ts";
import { navigate, route } from "../../router.ts";
import { may } from "../../session.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { isSetUp, type SetupState, type Step, stepsOf } from "./first-steps-state.ts";
import { t } from "./first-steps-words.ts";

const sampleName = "demo";

async function loadSetup(signal: AbortSignal): Promise<SetupState> {
  const sees = may("config.view");
  const [completed, active, configs, providers, places, limits] = await Promise.all([
    call("GET /api/cloud/jobs", { query: { status: "completed", limit: 1 }, signal }),
    call("GET /api/cloud/jobs", { query: { status: "active", limit: 1 }, signal }),
    sees ? call("GET /api/configs", { signal }) : null,
    may("admin.config") ? call("GET /api/cloud/providers", { signal }) : null,
    may("admin.config") ? call("GET /api/cloud/destinations", { signal }) : null,
    may("admin.config") ? call("GET /api/cloud/cost-limit", { signal }) : null,
  ]);
  return {
    rented:
      providers &&
      providers.providers.filter((each) => each.id !== "local" && each.configured && !each.unavailable_reason)
        .length,
    ownConfigs: configs?.configs.filter(({ name }) => name !== sampleName).length ?? 0,
    destinations: places && places.destinations.length,
    limited: limits && limits.limits.some(({ enabled }) => enabled),
    active: active.total,
    completed: completed.total,
  };
}

/** The first steps, or none where there is nothing to show. */
async function loadSteps(signal: AbortSignal, isAsked: boolean): Promise<readonly Step[]> {
  if (!may("job.submit")) return [];
  const { dismissed_hints: dismissed } = await call("GET /api/cloud/hints", { signal });
  if (dismissed.includes("first_steps") && !isAsked) return [];
  const steps = stepsOf(await loadSetup(signal));
  return isSetUp(steps) && !isAsked ? [] : steps;
}

/** The first steps as the server's state has them: none once they are behind the user or hidden, unless `?steps` asks. */
export function useFirstSteps(): Loaded<readonly Step[]> {
  const isAsked = route.value.query.has("steps");
  const loaded = useLoad((signal) => loadSteps(signal, isAsked), [isAsked], { keepPrevious: true });
  const shown = useRef(true);
  shown.current = loaded.data === null || loaded.data.length > 0;
  const types = [
    "job.created",
    "job.status",
    "job.deleted",
    "settings.changed",
    "provider.configured",
  ] as const;
  // A server that has long been set up does not ask all this with every job.
  useReloadOn(types, loaded.reload, () => shown.current);
  return loaded;
}

const links: Readonly<Record<Step["key"], string>> = {
  job: "/jobs/new",
  images: "/configs/new",
  rent: "/providers/replicate",
  results: "/settings/destinations?edit=new",
  limit: "/cost",
};

function StepRow({ step }: { step: Step }) {
  const { key, done, active, optional } = step;
  const icon = done ? "tick" : active ? "hourglass" : "dot";
  const state = t(done ? "step_done" : active ? "step_active" : "step_open");
  return (
    <li class={`first-step ${done ? "is-done" : active ? "is-active" : ""}`}>
      <Icon name={icon} label={state} />
      <div>
        <p>
          <strong>{t(key)}</strong> {optional && <span class="small muted">{t("optional")}</span>}
        </p>
        {!done && (
          <>
            <p class="small muted">{t(`${key}_text`)}</p>
            <p>
              {key === "job" && active ? (
                <ButtonLink size="small" href="/jobs">
                  {t("job_see")}
                </ButtonLink>
              ) : (
                <ButtonLink size="small" href={links[key]}>
                  {t(`${key}_act`)}
                </ButtonLink>
              )}
            </p>
          </>
        )}
      </div>
    </li>
  );
}

/** What is left before work of one's own: each step with its true state and the way to do it. It can be hidden. */
export function FirstSteps({ steps, onChanged }: { steps: readonly Step[]; onChanged: () => void }) {
  if (steps.length === 0) return null;
  const done = steps.filter((step) => step.done).length;
  const hide = async (): Promise<void> => {
    await dismissHint("first_steps");
    if (route.value.query.has("steps")) navigate("/", { replace: true });
    onChanged();
    const back = (): void => void showHint("first_steps").then(onChanged);
    toast({ kind: "info", text: t("hidden"), action: { label: t("undo"), run: back } });
  };
  return (
    <section class="panel" aria-labelledby="first-steps">
      <header class="panel-head">
        <h2 id="first-steps">
          {t("title")} <span class="small muted">{t("count", { done, all: steps.length })}</span>
        </h2>
        <Button size="small" kind="quiet" onClick={() => void hide()}>
          {t("hide")}
        </Button>
      </header>
      <div class="panel-body stack">
        {done === steps.length && <p>{t("all_done")}</p>}
        <ol class="first-steps">
          {steps.map((step) => (
            <StepRow key={step.key} step={step} />
          ))}
        </ol>
      </div>
    </section>
  );
}
