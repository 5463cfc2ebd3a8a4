import { useMemo, useState } from "preact/hooks";
import type { SafetensorsHeader, SafetensorsTensor } from "@simpletuner-cloud/contract/artifacts.ts";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { formatBytes, formatNumber } from "../../i18n.ts";
import { compactCount, matchingTensors, readableMetadata, shapeText } from "./safetensors-text.ts";
import { t } from "./artifact-words.ts";

/** What a safetensors file says of itself: parameters, types, tensors, metadata. Read without a download. */
export function SafetensorsView({ jobId, fileKey }: { jobId: string; fileKey: string }) {
  const { data, error, reload } = useLoad(
    (signal) =>
      call("GET /api/cloud/jobs/{job_id}/artifacts/header", {
        params: { job_id: jobId },
        query: { key: fileKey },
        signal,
      }),
    [jobId, fileKey],
  );
  if (error) return <ErrorBox error={error} title={t("header_failed")} onRetry={reload} />;
  if (!data) return <Skeleton lines={5} />;
  return (
    <div class="stack">
      <dl class="figures">
        <div class="figure" title={formatNumber(data.parameters)}>
          <dt>{t("parameters")}</dt>
          <dd class="number">{compactCount(data.parameters)}</dd>
        </div>
        <div class="figure">
          <dt>{t("tensors")}</dt>
          <dd class="number">{formatNumber(data.tensor_count)}</dd>
        </div>
        <div class="figure file-dtypes">
          <dt>{t("data_types")}</dt>
          <dd class="number">
            {data.dtypes.map(({ dtype, tensor_count, size_bytes }) => (
              <span key={dtype}>
                {t.n("dtype_value", tensor_count, { dtype, size: formatBytes(size_bytes) })}
              </span>
            ))}
          </dd>
        </div>
      </dl>
      {data.tensors.length > 0 && <Tensors header={data} />}
      <Metadata header={data} />
    </div>
  );
}

/** Rows drawn before the table is asked for more. */
const firstRows = 100;
const moreRows = 400;

function Tensors({ header }: { header: SafetensorsHeader }) {
  const [filter, setFilter] = useState("");
  const [shown, setShown] = useState(firstRows);
  const found = useMemo(() => matchingTensors(header.tensors, filter), [header, filter]);
  const rest = found.length - shown;
  return (
    <section class="tensors" aria-label={t("tensors")}>
      <div class="tensors-head">
        <label class="tensors-filter">
          <span class="only-read">{t("filter")}</span>
          <input
            class="input"
            type="search"
            value={filter}
            placeholder={t("filter_hint")}
            onInput={(event) => {
              setFilter(event.currentTarget.value);
              setShown(firstRows);
            }}
          />
        </label>
        <span class="muted small number" role="status">
          {t.n("found", found.length, { total: header.tensor_count })}
        </span>
      </div>
      {found.length === 0 ? (
        <p class="muted">{t("no_match", { text: filter })}</p>
      ) : (
        <div class="tensors-table file-scrolls" tabIndex={0} role="region" aria-label={t("tensors")}>
          <table class="table">
            <thead>
              <tr>
                <th scope="col">{t("tensor")}</th>
                <th scope="col">{t("dtype")}</th>
                <th scope="col">{t("shape")}</th>
                <th scope="col" class="end">
                  {t("parameters")}
                </th>
                <th scope="col" class="end">
                  {t("size")}
                </th>
              </tr>
            </thead>
            <tbody>
              {found.slice(0, shown).map((tensor) => (
                <TensorRow key={tensor.name} tensor={tensor} />
              ))}
            </tbody>
          </table>
          {rest > 0 && (
            <p class="files-more">
              <Button size="small" onClick={() => setShown(shown + moreRows)}>
                {t.n("show_more", Math.min(rest, moreRows))}
              </Button>
            </p>
          )}
        </div>
      )}
      {header.tensors.length < header.tensor_count && (
        <p class="muted small">
          {t("listed_part", { shown: header.tensors.length, total: header.tensor_count })}
        </p>
      )}
    </section>
  );
}

function TensorRow({ tensor }: { tensor: SafetensorsTensor }) {
  return (
    <tr>
      <td class="mono tensor-name" dir="ltr">
        {tensor.name}
      </td>
      <td class="mono">{tensor.dtype}</td>
      <td class="mono nowrap" dir="ltr">
        {shapeText(tensor.shape) || t("scalar")}
      </td>
      <td class="end">{formatNumber(tensor.parameters)}</td>
      <td class="end nowrap">{formatBytes(tensor.size_bytes)}</td>
    </tr>
  );
}

/** Texts up to this length stand in the list; longer ones open. */
const shortCharacters = 160;

function Metadata({ header }: { header: SafetensorsHeader }) {
  const entries = Object.entries(header.metadata);
  return (
    <section class="file-metadata" aria-labelledby="file-metadata">
      <h3 id="file-metadata">{t("metadata")}</h3>
      {entries.length === 0 && <p class="muted">{t("metadata_none")}</p>}
      <dl class="facts">
        {entries.map(([name, text]) => (
          <MetadataEntry key={name} name={name} text={text} isCut={header.cut_metadata.includes(name)} />
        ))}
      </dl>
    </section>
  );
}

function MetadataEntry({ name, text, isCut }: { name: string; text: string; isCut: boolean }) {
  return (
    <>
      <dt class="mono" dir="ltr">
        {name}
      </dt>
      <dd class="file-metadata-text">
        {text.length <= shortCharacters ? (
          text
        ) : (
          <details>
            <summary class="number">
              {t("metadata_long", { n: text.length })}
              {isCut && ` (${t("metadata_cut")})`}
            </summary>
            <pre class="file-text file-scrolls" dir="ltr" tabIndex={0} aria-label={name}>
              {readableMetadata(text)}
            </pre>
          </details>
        )}
      </dd>
    </>
  );
}
