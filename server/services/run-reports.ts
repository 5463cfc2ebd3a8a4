import type { JobProgress } from "@simpletuner-cloud/contract/jobs.ts";
import type { Kysely } from "kysely";
import type { Database } from "../db/schema.ts";
import type { JobLogStore } from "../db/stores/job-logs.ts";
import type { JobMetricStore, MetricPoint } from "../db/stores/job-metrics.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import { cleanLine, type LineFacts, readLogLine } from "../domain/log-progress.ts";
import type { LiveEvents } from "./live-events.ts";

/** What taking reports needs. */
export interface RunReportOptions {
  jobs: JobStore;
  logs: JobLogStore;
  metrics: JobMetricStore;
  live: LiveEvents;
  now: () => number;
}

/** A stretch of a run's log. */
export interface LogReport {
  jobId: string;
  runToken: string;
  /** Whole lines. */
  text: string;
  /** The provider's position after the text. */
  position: number;
  /** Values that must not be stored: the run's own secrets. */
  secrets: readonly string[];
}

/** Takes what providers report of a run and stores it, each stretch exactly once. */
export function runReports(options: RunReportOptions) {
  return {
    /**
     * Stores log lines, the values measured in them and the progress they tell, together with the position they
     * end at, in one transaction. A stretch that was stored before, or that comes from another run, adds nothing.
     */
    async log(report: LogReport): Promise<void> {
      const lines = linesOf(report.text, report.secrets);
      const facts = lines.map(readLogLine);
      const points = pointsOf(facts);
      let stored = false;
      await options.jobs.change(
        report.jobId,
        (job) => {
          stored = job.private.runToken === report.runToken && report.position > job.private.logPosition;
          if (!stored) return null;
          const logLines = job.private.logLines + lines.length;
          return {
            wire: {
              progress: progressAfter(job.wire.progress, facts, lines, options.now()),
              // A trouble that was shown meanwhile is over when the run is heard of again.
              error_code: null,
              error_message: null,
            },
            private: { logPosition: report.position, logLines },
            events: [],
          };
        },
        async (transaction: Kysely<Database>, job) => {
          if (!stored || lines.length === 0) return;
          const firstLine = job.private.logLines - lines.length + 1;
          await options.logs.append(transaction, report.jobId, {
            firstLine,
            atMs: options.now(),
            lines,
          });
          await options.metrics.write(transaction, report.jobId, points);
        },
      );
      if (stored) options.live.wakeLog(report.jobId);
    },
    /** Takes the progress from a line that is not finished; the line itself is stored once it is. */
    async unfinishedLine(report: Omit<LogReport, "position">): Promise<void> {
      const drawn = withoutSecrets(report.text, report.secrets).replace(/\r+$/, "").split("\r").slice(-1);
      const facts = drawn.map(readLogLine);
      if (facts.every(({ step }) => step === undefined)) return;
      await options.jobs.change(
        report.jobId,
        (job) =>
          job.private.runToken === report.runToken
            ? {
                wire: { progress: progressAfter(job.wire.progress, facts, drawn, options.now()) },
                events: [],
              }
            : null,
        (transaction) => options.metrics.write(transaction, report.jobId, pointsOf(facts)),
      );
    },
    /** Somebody follows the job's log now. */
    isRead: (jobId: string): boolean => options.live.isLogFollowed(jobId),
  };
}

/** See {@link runReports}. */
export type RunReports = ReturnType<typeof runReports>;

/** A text with every secret blotted out; values too short to be one are words and stay. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let safe = text;
  for (const secret of secrets) if (secret.length >= 8) safe = safe.replaceAll(secret, "***");
  return safe;
}

function linesOf(text: string, secrets: readonly string[]): string[] {
  const lines = withoutSecrets(text, secrets).split("\n").map(cleanLine);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function pointsOf(facts: readonly LineFacts[]): MetricPoint[] {
  const points: MetricPoint[] = [];
  for (const { step, loss, learningRate, stepsPerSecond } of facts) {
    if (step === undefined) continue;
    if (loss !== undefined) points.push({ key: "loss", step, value: loss });
    if (learningRate !== undefined) points.push({ key: "learning_rate", step, value: learningRate });
    if (stepsPerSecond !== undefined) points.push({ key: "steps_per_second", step, value: stepsPerSecond });
  }
  return points;
}

/** The progress after some lines: each line overrides what it names, the rest stays. */
export function progressAfter(
  before: JobProgress | null,
  facts: readonly LineFacts[],
  lines: readonly string[],
  nowMs: number,
): JobProgress {
  const progress: JobProgress = before ?? {
    stage: "Preparing",
    step: null,
    total_steps: null,
    percent: null,
    epoch: null,
    loss: null,
    learning_rate: null,
    steps_per_second: null,
    eta_seconds: null,
    last_log: null,
    updated_at: "",
  };
  const after = { ...progress, updated_at: new Date(nowMs).toISOString() };
  for (const fact of facts) {
    if (fact.stage !== undefined) after.stage = fact.stage;
    if (fact.step !== undefined) after.step = fact.step;
    if (fact.totalSteps !== undefined) after.total_steps = fact.totalSteps;
    if (fact.epoch !== undefined) after.epoch = fact.epoch;
    if (fact.loss !== undefined) after.loss = fact.loss;
    if (fact.learningRate !== undefined) after.learning_rate = fact.learningRate;
    if (fact.stepsPerSecond !== undefined) after.steps_per_second = fact.stepsPerSecond;
    if (fact.etaSeconds !== undefined) after.eta_seconds = fact.etaSeconds;
  }
  if (after.step !== null && after.total_steps)
    after.percent = Math.min(100, Math.round((after.step / after.total_steps) * 1000) / 10);
  const lastLine = lines.findLast((line) => line.trim() !== "");
  if (lastLine !== undefined) after.last_log = lastLine.slice(0, 80);
  return after;
}
