import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { followJob } from "./follow-job.ts";
import { CommandFailure, interruptedExitCode, type Io, type TextSink } from "./io.ts";
import {
  formatBytes,
  formatDuration,
  printJson,
  printLine,
  withoutControls,
  type OutputFormat,
} from "./output.ts";
import { progressView } from "./progress-view.ts";
import type { ServerConnection } from "./server-address.ts";

/**
 * Shows the job on `sink` until it ends and answers it as it ended. Ctrl-C ends the command, not the job, with
 * `onInterrupt` as the sentence about that.
 */
export async function followOn(
  sink: TextSink,
  io: Io,
  connection: ServerConnection,
  jobId: string,
  onInterrupt = `The job goes on. Look again with: npx simpletuner-cloud jobs follow ${jobId}`,
): Promise<Job> {
  const view = progressView(sink);
  let last: Job | null = null;
  try {
    for await (const update of followJob(connection, jobId, io.interrupted)) {
      view.show(update);
      if (update.kind === "job") last = update.job;
    }
  } finally {
    view.close();
  }
  if (io.interrupted.aborted) throw new CommandFailure(onInterrupt, interruptedExitCode(io.interrupted));
  if (last === null || !last.is_terminal)
    throw new CommandFailure("The job could not be followed to its end.");
  return last;
}

/** The sentence about a job that ended; throws it when the job did not complete. */
export function endSentence(job: Job): string {
  const time = job.duration_seconds === null ? "" : ` after ${formatDuration(job.duration_seconds)}`;
  if (job.status === "completed") return `The job completed${time}.`;
  const reason = job.error_message === null ? "" : `: ${withoutControls(job.error_message)}`;
  if (job.status === "cancelled") throw new CommandFailure(`The job was cancelled${time}${reason}`);
  throw new CommandFailure(
    `The job failed${time}${reason}${/[.!?]$/.test(reason) ? "" : "."} Its log: npx simpletuner-cloud jobs logs ${job.job_id}`,
  );
}

/**
 * Follows the job to its end and prints the result: with `json` the job on the output and the progress beside it
 * on the error output. Throws when the job did not complete.
 */
export async function followToEnd(
  io: Io,
  connection: ServerConnection,
  jobId: string,
  format: OutputFormat,
): Promise<void> {
  const ended = await followOn(format === "json" ? io.err : io.out, io, connection, jobId);
  if (format === "json") printJson(io.out, ended);
  const sentence = endSentence(ended);
  if (format === "json") return;
  printLine(io.out, sentence);
  const [model] = await deliveredModels(connection, jobId);
  if (model) {
    printLine(io.out, `${model.path ?? connection.baseUrl + model.url} (${formatBytes(model.size_bytes)})`);
  }
}

/** The models a job delivered, the final one (nearest to the top of the job's folder) first. */
export async function deliveredModels(connection: ServerConnection, jobId: string): Promise<Artifact[]> {
  const { artifacts } = await connection.call("GET /api/cloud/jobs/{job_id}/artifacts", {
    params: { job_id: jobId },
    query: { kind: "model" },
  });
  const depth = (artifact: Artifact): number => artifact.key.split("/").length;
  return artifacts
    .filter((artifact) => artifact.key.endsWith(".safetensors"))
    .sort((a, b) => depth(a) - depth(b) || (b.step ?? Infinity) - (a.step ?? Infinity));
}
