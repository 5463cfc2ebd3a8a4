import { useState } from "preact/hooks";
import { Button, ButtonLink } from "../../components/button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { Icon } from "../../components/icon.tsx";
import { dismissHint } from "../../hints.ts";
import { t } from "./words.ts";

const steps = [
  {
    title: "guide_data",
    points: ["guide_data_1", "guide_data_2", "guide_data_3"],
    icon: "shield",
    way: null,
  },
  {
    title: "guide_model",
    points: ["guide_model_1", "guide_model_2", "guide_model_3"],
    icon: "download",
    way: { href: "/settings/destinations?edit=new", word: "guide_place" },
  },
  {
    title: "guide_cost",
    points: ["guide_cost_1", "guide_cost_2", "guide_cost_3"],
    icon: "coin",
    way: { href: "/cost", word: "guide_limit" },
  },
] as const;

/** Three steps before the first job: the data, the model, the money. It can be skipped, and shown again. */
export function Introduction({ onClose }: { onClose: () => void }) {
  const [at, setAt] = useState(0);
  const step = steps[at] ?? steps[0];
  const isLast = at === steps.length - 1;
  const close = (): void => {
    // A server that does not answer now shows it once more.
    void dismissHint("introduction").catch(() => undefined);
    onClose();
  };
  return (
    <Dialog
      open
      title={t(step.title)}
      onClose={close}
      actions={
        <>
          {at > 0 ? (
            <Button onClick={() => setAt(at - 1)}>{t("guide_back")}</Button>
          ) : (
            <Button onClick={close}>{t("guide_skip")}</Button>
          )}
          {step.way && (
            <ButtonLink href={step.way.href} onClick={close}>
              {t(step.way.word)}
            </ButtonLink>
          )}
          <Button kind="primary" onClick={() => (isLast ? close() : setAt(at + 1))}>
            {t(isLast ? "guide_done" : "guide_next")}
          </Button>
        </>
      }
    >
      <p class="small muted" aria-live="polite">
        {t("guide_step", { n: at + 1 })}
      </p>
      <ul class="introduction">
        {step.points.map((point) => (
          <li key={point}>
            <Icon name={step.icon} />
            <span>{t(point)}</span>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
