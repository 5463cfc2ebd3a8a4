import type { ConfigProblem } from "@simpletuner-cloud/contract/configs.ts";
import { Button, IconButton } from "../../components/button.tsx";
import { Field } from "../../components/field.tsx";
import { freshDataset, isImageFolder, type Options } from "./config-value.ts";
import { t } from "./words.ts";

const strategies = ["textfile", "filename", "instanceprompt"] as const;

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function CaptionField({ dataset, onChange }: { dataset: Options; onChange: (next: Options) => void }) {
  const chosen = text(dataset["caption_strategy"]) || "filename";
  const known = (strategies as readonly string[]).includes(chosen);
  return (
    <Field label={t("caption_strategy")}>
      {(attributes) => (
        <select
          class="input"
          {...attributes}
          value={chosen}
          onChange={(event) => onChange({ ...dataset, caption_strategy: event.currentTarget.value })}
        >
          {strategies.map((strategy) => (
            <option key={strategy} value={strategy}>
              {t(`caption_${strategy}`)}
            </option>
          ))}
          {!known && <option value={chosen}>{t("caption_other", { name: chosen })}</option>}
        </select>
      )}
    </Field>
  );
}

interface RowProps {
  dataset: Options;
  place: number;
  problems: readonly ConfigProblem[];
  onChange: (next: Options) => void;
  onRemove: (() => void) | null;
}

function Row({ dataset, place, problems, onChange, onRemove }: RowProps) {
  const problem = (field: string): string | undefined =>
    problems.find((each) => each.field === `dataloader_config[${place}].${field}`)?.problem;
  const id = text(dataset["id"]);
  const input =
    (key: string, ltr = false) =>
    (attributes: object) => (
      <input
        class="input"
        {...attributes}
        {...(ltr && { dir: "ltr" as const, spellcheck: false })}
        value={text(dataset[key])}
        onInput={(event) => onChange({ ...dataset, [key]: event.currentTarget.value })}
      />
    );
  return (
    <li class="dataset-row">
      <Field
        label={t("dataset_dir")}
        error={problem("instance_data_dir")}
        hint={t("dataset_dir_hint")}
        class="dataset-dir"
      >
        {input("instance_data_dir", true)}
      </Field>
      <Field label={t("dataset_id")} error={problem("id")} hint={t("dataset_id_hint")}>
        {input("id", true)}
      </Field>
      <CaptionField dataset={dataset} onChange={onChange} />
      {onRemove && <IconButton icon="trash" label={t("remove_dataset", { name: id })} onClick={onRemove} />}
      {dataset["caption_strategy"] === "instanceprompt" && (
        <Field label={t("instance_prompt")} class="field-wide">
          {input("instance_prompt")}
        </Field>
      )}
    </li>
  );
}

/** The datasets of a configuration as rows: folder, name, captions. Others than image folders are kept. */
export function DatasetRows(props: {
  datasets: Options[];
  problems: readonly ConfigProblem[];
  onChange: (next: Options[]) => void;
}) {
  const { datasets, onChange } = props;
  const folders = datasets.filter(isImageFolder).length;
  const replace = (place: number, next: Options): void =>
    onChange(datasets.map((dataset, at) => (at === place ? next : dataset)));
  return (
    <fieldset class="datasets">
      <legend>{t("datasets")}</legend>
      <ul>
        {datasets.map((dataset, place) =>
          isImageFolder(dataset) ? (
            <Row
              key={place}
              dataset={dataset}
              place={place}
              problems={props.problems}
              onChange={(next) => replace(place, next)}
              onRemove={folders > 1 ? () => onChange(datasets.filter((_, at) => at !== place)) : null}
            />
          ) : (
            <li key={place} class="muted small">
              {t("other_dataset", {
                id: text(dataset["id"]),
                kind: text(dataset["dataset_type"]) || text(dataset["type"]),
              })}
            </li>
          ),
        )}
      </ul>
      <Button size="small" icon="plus" onClick={() => onChange([...datasets, freshDataset(datasets)])}>
        {t("add_dataset")}
      </Button>
    </fieldset>
  );
}
