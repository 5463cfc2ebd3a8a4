import type { DatasetPlan } from "@simpletuner-cloud/contract/data-consent.ts";
import type { CostEstimate } from "@simpletuner-cloud/contract/cost.ts";
import type { TextSink } from "./io.ts";
import { counted, formatBytes, formatUsd, printLine, printTable, styled, withoutControls } from "./output.ts";

const exclusionsShown = 10;

/** Prints what a submit would send: datasets, files, bytes, what stays here and why, and where it goes. */
export function printPlan(sink: TextSink, plan: DatasetPlan): void {
  printTable(sink, plan.datasets, [
    { title: "DATASET", value: (dataset) => dataset.id },
    { title: "FILES", value: (dataset) => String(dataset.file_count), alignRight: true },
    { title: "SIZE", value: (dataset) => formatBytes(dataset.total_bytes), alignRight: true },
    { title: "STAYS HERE", value: (dataset) => String(dataset.excluded_count), alignRight: true },
    { title: "FOLDER", value: (dataset) => dataset.instance_data_dir, maxWidth: 100 },
  ]);
  printExclusions(sink, plan);
  printRoute(sink, plan);
  if (!plan.requires_upload) {
    printLine(sink, "The datasets are read where they are; nothing is sent.");
    return;
  }
  const { way, limit_bytes: limit } = plan.route;
  const most = limit === null ? "" : ` (at most ${formatBytes(limit)})`;
  const size = `${plan.archive_bytes_exact ? "" : "about "}${formatBytes(plan.archive_bytes)}${most}`;
  const form = way === "hub" ? "" : "as an archive of ";
  printLine(sink, `${counted(plan.total_files, "file")} would be sent, ${form}${size}.`);
  printLine(sink, `Where to: ${withoutControls(plan.destination)}`);
  printLine(sink, `Deleted: ${withoutControls(plan.deleted_when)}`);
}

/** What does not travel as it is configured, and why nothing would be sent at all. */
function printRoute(sink: TextSink, { route }: DatasetPlan): void {
  for (const { dataset_id, field, message } of route.notes) {
    const about = [dataset_id, field].filter((each) => each !== null).join(" ");
    const text = `note: ${about === "" ? "" : `${about}: `}${message}`;
    printLine(sink, styled(sink, "dim", `  ${withoutControls(text)}`));
  }
  if (route.refusal)
    printLine(sink, styled(sink, "red", `Refused: ${withoutControls(route.refusal.message)}`));
}

function printExclusions(sink: TextSink, plan: DatasetPlan): void {
  for (const dataset of plan.datasets) {
    const shown = dataset.excluded.slice(0, exclusionsShown);
    for (const entry of shown) {
      const text = `stays here: ${withoutControls(entry.path)} (${withoutControls(entry.reason)})`;
      printLine(sink, styled(sink, "dim", `  ${text}`));
    }
    const more = dataset.excluded_count - shown.length;
    if (more > 0) {
      printLine(sink, styled(sink, "dim", `  and ${more} more; --format json lists them`));
    }
  }
}

/** One line about cost and time, with what the spend limits say to it. */
export function estimateLine({ message, limit, limit_verdict: verdict }: CostEstimate): string {
  const said =
    !limit || verdict === "fits"
      ? ""
      : ` ${limitWords[verdict]} the ${limit.period ?? ""} spend limit of ${formatUsd(limit.limit_amount ?? 0)} (${formatUsd(limit.current_spend)} spent, ${formatUsd(limit.set_aside)} set aside).`;
  return `Estimate: ${withoutControls(message)}${said}`;
}

const limitWords = {
  near: "It comes near",
  exceeded: "It goes beyond",
  refused: "It would be refused, because it goes beyond",
} as const;
