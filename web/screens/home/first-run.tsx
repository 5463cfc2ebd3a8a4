import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { call, useLoad } from "../../api.ts";
import { Button, ButtonLink } from "../../components/button.tsx";
import { Icon, type IconName } from "../../components/icon.tsx";
import { Page } from "../../components/page.tsx";
import { SubmitDialog, type DialogRequest } from "../submit/submit-dialog.tsx";
import { t as submitWords } from "../submit/words.ts";
import { NoiseStrip } from "./noise-strip.tsx";
import { t } from "./words.ts";

const sampleName = "demo";
const sampleRequest: DialogRequest = {
  config_name_to_load: sampleName,
  provider: "local",
  dataset_transfer: "package",
};

function Lesson({ icon, title, text }: { icon: IconName; title: string; text: string }) {
  return (
    <li class="lesson">
      <span class="lesson-icon">
        <Icon name={icon} />
      </span>
      <h2>{title}</h2>
      <p>{text}</p>
    </li>
  );
}

/** The welcome of a server without jobs: what happens to data, model and money, and the sample to start with. */
export function FirstRun({
  onSubmitting,
  checklist,
}: {
  onSubmitting: (open: boolean) => void;
  checklist: ComponentChildren;
}) {
  const [open, setOpened] = useState(false);
  const setOpen = (next: boolean): void => {
    setOpened(next);
    onSubmitting(next);
  };
  const { data } = useLoad((signal) => call("GET /api/configs", { signal }), []);
  // Shown at once: the sample is there unless somebody took it away.
  const hasSample = data?.configs.some((config) => config.name === sampleName) ?? true;
  return (
    <Page title={t("title")} heading={t("welcome")} class="first-run">
      <p class="first-run-lead">{t("welcome_text")}</p>
      <div class="row first-run-acts">
        {hasSample && (
          <Button kind="primary" size="large" icon="play" onClick={() => setOpen(true)}>
            {t("run_sample")}
          </Button>
        )}
        <ButtonLink href="/jobs/new" kind={hasSample ? "secondary" : "primary"} size="large" icon="image">
          {t("own_images")}
        </ButtonLink>
      </div>
      <NoiseStrip />
      <ul class="lessons">
        <Lesson icon="shield" title={t("data_title")} text={t("data_text")} />
        <Lesson icon="cube" title={t("model_title")} text={t("model_text")} />
        <Lesson icon="coin" title={t("cost_title")} text={t("cost_text")} />
      </ul>
      {checklist}
      <SubmitDialog
        open={open}
        title={submitWords("sample_title")}
        text={submitWords("sample_text")}
        request={sampleRequest}
        onClose={() => setOpen(false)}
      />
    </Page>
  );
}
