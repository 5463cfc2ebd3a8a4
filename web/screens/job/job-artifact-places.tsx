import { useState } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { CopyButton } from "../../components/copy-button.tsx";
import { Link } from "../../components/link.tsx";
import {
  awsCommand,
  bucket,
  curlArchiveCommand,
  curlCommand,
  endpointUrl,
  ownCommand,
  type Place,
  placeOf,
  pythonLine,
  rcloneCommand,
} from "./artifact-commands.ts";
import { modelFile } from "./artifact-groups.ts";
import { t } from "./artifact-words.ts";

const ways = ["own", "aws", "rclone", "curl", "here"] as const;
type Way = (typeof ways)[number];

interface Line {
  text: string;
  command: string;
}

/** Ready lines that fetch the files with the programs people have, filled in for this server and this job. */
export function ArtifactPlaces({ job, artifacts }: { job: Job; artifacts: readonly Artifact[] }) {
  const [way, setWay] = useState<Way>("own");
  const place = placeOf(location);
  return (
    <section class="panel places" aria-labelledby="files-elsewhere">
      <header class="panel-head">
        <h2 id="files-elsewhere">{t("elsewhere")}</h2>
        <div class="segments places-ways" role="group" aria-label={t("ways")}>
          {ways.map((choice) => (
            <button key={choice} type="button" aria-pressed={way === choice} onClick={() => setWay(choice)}>
              {t(`way_${choice}`)}
            </button>
          ))}
        </div>
      </header>
      <div class="panel-body stack">
        <Lines way={way} place={place} job={job} artifacts={artifacts} />
        {way !== "here" && (
          <p class="muted small">
            {keyText(way, place)}{" "}
            {!place.isLocal && (way === "aws" || way === "rclone") && (
              <Link href="/settings">{t("key_make")}</Link>
            )}
          </p>
        )}
        <details class="places-facts">
          <summary>{t("elsewhere_text")}</summary>
          <dl class="facts">
            <Fact name={t("endpoint")} value={endpointUrl(place)} />
            <Fact name={t("bucket")} value={bucket} />
            <Fact name={t("folder")} value={`${job.job_id}/`} />
          </dl>
        </details>
      </div>
    </section>
  );
}

function keyText(way: Exclude<Way, "here">, place: Place): string {
  return place.isLocal ? t("key_local") : t(`key_${way}`);
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd class="file-path" dir="ltr">
        <code>{value}</code>
        <CopyButton text={value} />
      </dd>
    </>
  );
}

function Lines(props: { way: Way; place: Place; job: Job; artifacts: readonly Artifact[] }) {
  const lines = linesOf(props.way, props.place, props.job, props.artifacts);
  if (lines.length === 0) return <p class="muted">{t("no_path")}</p>;
  return (
    <>
      {lines.map(({ text, command }) => (
        <div key={text} class="command">
          <h3>{text}</h3>
          <div class="command-line">
            <pre dir="ltr" tabIndex={0} aria-label={text}>
              {command}
            </pre>
            <CopyButton text={command} />
          </div>
        </div>
      ))}
    </>
  );
}

function linesOf(way: Way, place: Place, job: Job, artifacts: readonly Artifact[]): Line[] {
  const model = modelFile(artifacts);
  const file = model ?? artifacts[0];
  switch (way) {
    case "own":
      return [
        ...(model ? [{ text: t("line_model"), command: ownCommand(place, job.job_id, "--model") }] : []),
        { text: t("line_all"), command: ownCommand(place, job.job_id, "--all") },
      ];
    case "aws":
      return [{ text: t("line_sync"), command: awsCommand(place, job.job_id) }];
    case "rclone":
      return [{ text: t("line_sync"), command: rcloneCommand(place, job.job_id) }];
    case "curl":
      return [
        ...(file ? [{ text: t(model ? "line_curl" : "line_file"), command: curlCommand(place, file) }] : []),
        { text: t("line_zip"), command: curlArchiveCommand(place, job.job_id, `${job.name}.zip`) },
      ];
    case "here":
      return model?.path ? linesHere(model.path, job) : [];
  }
}

function linesHere(path: string, job: Job): Line[] {
  // The bundled trainer's models have an architecture of their own, which diffusers does not know.
  const isForDiffusers = job.metadata["trainer"] !== "bundled" && path.endsWith(".safetensors");
  return [
    { text: t("line_path"), command: path },
    ...(isForDiffusers ? [{ text: t("line_python"), command: pythonLine(path) }] : []),
  ];
}
