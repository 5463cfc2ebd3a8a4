import type { Job, JobEvent, JobProgress, TransferProgress } from "@simpletuner-cloud/contract/jobs.ts";
import type { TextSink } from "./io.ts";
import type { JobUpdate } from "./follow-job.ts";
import {
  clipped,
  counted,
  displayWidth,
  formatBytes,
  formatDuration,
  printLine,
  styled,
  withoutControls,
} from "./output.ts";

/** Shows a followed job: a redrawn line on a terminal, a line now and then in a pipe. */
export interface ProgressView {
  show(update: JobUpdate): void;
  /** Removes the redrawn line and stops its timer. */
  close(): void;
}

const labelWidth = 17;
const barWidth = 24;
const repaintMs = 120;
/** In a pipe a line appears at least so often while a job moves. */
const plainEveryMs = 15_000;
const spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";

/** What the moving line says: a label, a share between 0 and 1 (null = unknown) and figures. */
export interface Moving {
  readonly label: string;
  readonly share: number | null;
  readonly figures: readonly string[];
}

/** The view for `sink`. */
export function progressView(sink: TextSink): ProgressView {
  return sink.isTerminal ? terminalView(sink) : plainView(sink);
}

function terminalView(sink: TextSink): ProgressView {
  let moving: Moving | null = null;
  let away = false;
  let frame = 0;
  const told = milestones();
  const clear = (): void => sink.write("\r\u001B[K");
  const paint = (): void => {
    if (moving === null) return;
    frame++;
    const spin = styled(sink, "cyan", spinner[frame % spinner.length] ?? "");
    const text = away ? "The server is away; waiting for it …" : movingText(moving, sink.columns() - 5);
    sink.write(`\r\u001B[K  ${spin} ${colouredBar(sink, text)}`);
  };
  const timer = setInterval(paint, repaintMs);
  timer.unref();
  sink.write("\u001B[?25l");
  return {
    show: (update) => {
      if (update.kind === "lost" || update.kind === "back") away = update.kind === "lost";
      if (update.kind === "event") {
        const line = told(update.event);
        if (line !== null) {
          clear();
          printLine(sink, `  ${styled(sink, "green", "✓")} ${line}`);
        }
      }
      if (update.kind === "job") moving = update.job.is_terminal ? null : movingOf(update.job);
      if (moving === null) clear();
    },
    close: () => {
      clearInterval(timer);
      clear();
      sink.write("\u001B[?25h");
    },
  };
}

function plainView(sink: TextSink): ProgressView {
  const printed = new Set<string>();
  let printedAt = -Infinity;
  const told = milestones();
  const print = (text: string): void => {
    printedAt = performance.now();
    printLine(sink, `${new Date().toTimeString().slice(0, 8)}  ${text}`);
  };
  return {
    show: (update) => {
      if (update.kind === "lost") print("The server is away; waiting for it …");
      if (update.kind === "back") print("The server is back.");
      if (update.kind === "event") {
        const line = told(update.event);
        if (line !== null) print(line);
      }
      if (update.kind !== "job" || update.job.is_terminal) return;
      const moving = movingOf(update.job);
      const reached = moving.share === null ? -1 : Math.floor(moving.share * 10);
      const place = `${moving.label} ${reached}`;
      if (printed.has(place) && performance.now() - printedAt < plainEveryMs) return;
      printed.add(place);
      const percent = moving.share === null ? [] : [`${Math.floor(moving.share * 100)} %`];
      print([moving.label, ...percent, ...moving.figures].join("  "));
    },
    close: () => undefined,
  };
}

/** `label  ████░░░░  52 %  figures`, as many figures as fit into `width`. */
export function movingText(moving: Moving, width: number): string {
  const parts = [clipped(moving.label, labelWidth).padEnd(labelWidth)];
  if (moving.share !== null) {
    const full = Math.round(moving.share * barWidth);
    parts.push("█".repeat(full) + "░".repeat(barWidth - full));
    parts.push(`${String(Math.floor(moving.share * 100)).padStart(3)} %`);
  }
  let line = parts.join(" ");
  for (const figure of moving.figures) {
    const longer = `${line}  ${figure}`;
    if (displayWidth(longer) > width) break;
    line = longer;
  }
  return clipped(line, width);
}

function colouredBar(sink: TextSink, text: string): string {
  return text
    .replace(/█+/, (bar) => styled(sink, "cyan", bar))
    .replace(/░+/, (bar) => styled(sink, "dim", bar));
}

/** What the moving line says about a job that has not ended. */
export function movingOf(job: Job): Moving {
  if (job.cancel_requested) return { label: "Cancelling", share: null, figures: [] };
  switch (job.status) {
    case "pending":
      return {
        label: "Waiting",
        share: null,
        figures: job.queue_position === null ? [] : [`place ${job.queue_position} in the queue`],
      };
    case "uploading":
      return job.upload_progress ? transferMoving(job.upload_progress) : plainMoving("Packaging");
    case "queued":
      if (job.upload_progress?.stage === "uploading") return transferMoving(job.upload_progress);
      return { label: "Waiting", share: null, figures: [`for ${withoutControls(job.provider)}`] };
    default:
      return job.progress ? trainingMoving(job.progress) : plainMoving("Starting");
  }
}

function plainMoving(label: string): Moving {
  return { label, share: null, figures: [] };
}

const transferLabels: Record<TransferProgress["stage"], string> = {
  scanning: "Reading datasets",
  packaging: "Packaging",
  uploading: "Sending",
  receiving: "Receiving",
  complete: "Packaged",
};

function transferMoving(transfer: TransferProgress): Moving {
  const total = transfer.bytes_total;
  const figures: string[] = [];
  if (transfer.files_total !== null) figures.push(`${transfer.files_done}/${transfer.files_total} files`);
  figures.push(
    total === null
      ? formatBytes(transfer.bytes_done)
      : `${formatBytes(transfer.bytes_done)} of ${formatBytes(total)}`,
  );
  if (transfer.bytes_per_second > 0) figures.push(`${formatBytes(transfer.bytes_per_second)}/s`);
  if (transfer.eta_seconds !== null) figures.push(`${formatDuration(transfer.eta_seconds)} left`);
  return {
    label: transferLabels[transfer.stage],
    share: total === null || total === 0 ? null : Math.min(1, transfer.bytes_done / total),
    figures,
  };
}

function trainingMoving(progress: JobProgress): Moving {
  const { step, total_steps: total, percent } = progress;
  const figures: string[] = [];
  if (step !== null) figures.push(total === null ? `step ${step}` : `step ${step}/${total}`);
  if (progress.loss !== null) figures.push(`loss ${progress.loss.toPrecision(3)}`);
  if (progress.eta_seconds !== null) figures.push(`${formatDuration(progress.eta_seconds)} left`);
  if (progress.steps_per_second !== null) figures.push(`${progress.steps_per_second.toPrecision(3)} steps/s`);
  const share = percent !== null ? percent / 100 : step !== null && total ? step / total : null;
  return {
    label: withoutControls(progress.stage),
    share: share === null ? null : Math.min(1, Math.max(0, share)),
    figures,
  };
}

/** A teller of events worth a line of their own; a step's several samples get one line. */
export function milestones(): (event: JobEvent) => string | null {
  let lastSampleStep: unknown;
  return ({ type, data }) => {
    switch (type) {
      case "job.packaged":
        return packagedLine(data);
      case "job.attempt":
        return attemptLine(data);
      case "job.checkpoint":
        return `Checkpoint at step ${data["step"]}`;
      case "job.sample": {
        const first = data["step"] !== lastSampleStep;
        lastSampleStep = data["step"];
        return first ? `Sample at step ${data["step"]}` : null;
      }
      case "job.artifact":
        return data["kind"] === "model"
          ? `Received ${withoutControls(String(data["key"]))}, ${formatBytes(Number(data["size_bytes"]))}`
          : null;
      default:
        return null;
    }
  };
}

function packagedLine(data: JobEvent["data"]): string {
  const seconds = Number(data["seconds"]);
  const time = seconds < 10 ? `${seconds.toFixed(1)} s` : formatDuration(seconds);
  const archive = formatBytes(Number(data["archive_bytes"] ?? data["bytes"]));
  return `Packaged ${counted(Number(data["files"]), "file")} as an archive of ${archive} in ${time}`;
}

function attemptLine(data: JobEvent["data"]): string | null {
  const attempt = Number(data["attempt"]);
  if (!(attempt > 1)) return "Training started";
  const from = data["resumed_from"];
  return from
    ? `Resumed from ${withoutControls(String(from))} (attempt ${attempt})`
    : `Started again (attempt ${attempt})`;
}
