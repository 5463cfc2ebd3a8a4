import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import type { DatasetPlan } from "@simpletuner-cloud/contract/data-consent.ts";
import { wholeNumber } from "../command-options.ts";
import { delivery, type Delivery } from "../delivery.ts";
import { endSentence, followOn } from "../follow-output.ts";
import { CommandFailure, type Io } from "../io.ts";
import {
  counted,
  formatBytes,
  formatCount,
  formatUsd,
  printLine,
  styled,
  withoutControls,
} from "../output.ts";
import { productVersion } from "../package-root.ts";
import { estimateLine, printPlan } from "../plan-view.ts";
import { openReplicateDemo, type ReplicateDemo } from "../replicate-demo.ts";
import { connectTo, defaultPort, sentenceOf, type ServerConnection } from "../server-address.ts";
import { portOwner, startServerProcess, stateFolder, type ServerProcess } from "../server-process.ts";

interface Options {
  provider: "local" | "replicate";
  seconds: number;
  exit?: true;
  keep?: true;
  port: number;
  stateDir?: string;
}

/** Name of the saved configuration that the server brings along. */
const demoConfig = "demo";
const defaultSeconds = 15;

/** Adds `demo`. */
export function addDemo(parent: Command, io: Io): void {
  parent
    .command("demo")
    .description("train a tiny model on sample images, end to end on this machine")
    .addOption(
      new Option("--provider <id>", "where it trains; replicate: at a stand-in for Replicate on this machine")
        .choices(["local", "replicate"])
        .default("local"),
    )
    .option(
      "--seconds <n>",
      "how long the stand-in for Replicate trains",
      wholeNumber(1, 3_600),
      defaultSeconds,
    )
    .option("--exit", "stop after delivery instead of leaving the server up until Ctrl-C")
    .option("--keep", "leave the server running in the background when the demo ends")
    .option("-p, --port <port>", "port of the server, 0 for a free one", wholeNumber(0, 65_535), defaultPort)
    .option("--state-dir <folder>", "folder of the database, jobs and models (default: ~/.simpletuner)")
    .action(async (options: Options) => {
      printLine(io.out, styled(io.out, "bold", `SimpleTuner Cloud ${productVersion()}: demo`));
      if (options.provider === "local") return runDemo(options, io, null);
      const { stateDir, seconds } = options;
      const replicate = await openReplicateDemo({ stateDir, trainSeconds: seconds }, io);
      try {
        await runDemo(options, replicate.io, replicate);
      } finally {
        if (!options.keep) await replicate.emulator.stop();
      }
    });
}

async function runDemo(options: Options, io: Io, replicate: ReplicateDemo | null): Promise<void> {
  const { url, own } = await runningServer(options, io, replicate);
  let stopped = "";
  void own?.ended.then((sentence) => (stopped = sentence));
  try {
    await trainAndDeliver(
      connectTo(url, io),
      io,
      own && !options.keep ? stoppedSentence(own, replicate !== null) : undefined,
      replicate,
    );
    if (own && !options.exit && !options.keep) await untilStopped(own, url, io);
  } catch (error) {
    // A server that died explains why nothing answers any more.
    throw stopped === "" ? error : new CommandFailure(`${sentenceOf(error)} ${stopped}`);
  } finally {
    if (own && options.keep) keepRunning(own, url, io, replicate);
    else if (own) await own.stop();
  }
}

/** A server on the wanted port: the one that is already there, else one of our own. */
async function runningServer(
  options: Options,
  io: Io,
  replicate: ReplicateDemo | null,
): Promise<{ url: string; own: ServerProcess | null }> {
  const wanted = `http://127.0.0.1:${options.port}`;
  const owner = options.port === 0 ? "free" : await portOwner(wanted);
  if (owner === "something else") {
    throw new CommandFailure(
      `Port ${options.port} is taken by another program. Name a free one: npm run demo -- --port ${options.port === 65_535 ? 8001 : options.port + 1}`,
    );
  }
  if (owner === "our server" && replicate) {
    throw new CommandFailure(
      `A server runs at ${wanted} already, and this demo needs one of its own. Name a free port: npm run demo -- --provider replicate --port 0`,
    );
  }
  if (owner === "our server") {
    const unused =
      options.stateDir === undefined ? "" : "; it has its own state folder, --state-dir is not used";
    fact(io, "Server", `${wanted} (was already running${unused})`);
    return { url: wanted, own: null };
  }
  const own = await startServerProcess(
    { port: options.port, stateDir: replicate?.stateDir ?? stateFolder(options.stateDir, io) },
    io,
  );
  fact(io, "Server", own.url);
  fact(io, "State", `${own.stateDir} (log: ${own.logFile})`);
  return { url: own.url, own };
}

async function trainAndDeliver(
  server: ServerConnection,
  io: Io,
  onInterrupt: string | undefined,
  replicate: ReplicateDemo | null,
): Promise<void> {
  const provider = replicate ? "replicate" : "local";
  const inputs = { provider, config_name_to_load: demoConfig, dataset_transfer: "package" } as const;
  if (replicate) await callBackAt(server, replicate, io);
  const plan = await demoPlan(server, inputs);
  printLine(io.out);
  printPlan(io.out, plan);
  if (replicate) await printEstimate(server, io);
  fact(io, "Consent", consentText(plan, replicate !== null));
  const { job_id } = await server.call("POST /api/cloud/jobs/submit", {
    body: { ...inputs, consent_token: plan.consent_token ?? undefined, idempotency_key: randomUUID() },
  });
  const page = `${server.baseUrl}/jobs/${job_id}`;
  fact(io, "Job", styled(io.out, "underline", page));
  printLine(io.out);
  const job = await followOn(io.out, io, server, job_id, onInterrupt);
  if (job.status === "failed") await printLogTail(server, job_id, io);
  const sentence = endSentence(job);
  printDelivery(io, sentence, await delivery(server, job_id), page);
  if (replicate) await printSeen(replicate, job, io);
}

/** Has the stand-in tell the server of its runs, as Replicate does. */
async function callBackAt(
  { call, baseUrl }: ServerConnection,
  { emulator }: ReplicateDemo,
  io: Io,
): Promise<void> {
  await call("PUT /api/cloud/providers/{provider}/config", {
    params: { provider: "replicate" },
    body: { webhook_url: baseUrl },
  });
  const { REPLICATE_BASE_URL: address = "" } = emulator.environment;
  fact(
    io,
    "Provider",
    `a stand-in for Replicate at ${address}; nothing is sent to Replicate and nothing is charged`,
  );
}

async function printEstimate({ call }: ServerConnection, io: Io): Promise<void> {
  const estimate = await call("POST /api/cloud/cost-estimate", {
    body: { provider: "replicate", config_name_to_load: demoConfig },
  });
  printLine(io.out, estimateLine(estimate));
}

/** What the stand-in saw and billed, beside what the server counted. */
async function printSeen({ emulator }: ReplicateDemo, job: Job, io: Io): Promise<void> {
  const seen = await emulator.seen();
  fact(io, "Note", "the stand-in trains nothing: this model is made up, its way here is real");
  const cost = `${formatUsd(job.cost_usd ?? 0)} on ${job.hardware_type ?? "its hardware"}; billed were ${formatUsd(seen.billedMicros / 1e6)}`;
  fact(io, "Cost", cost);
  const told = `${counted(seen.calls, "call")}, ${counted(seen.webhooksTaken, "webhook")} taken`;
  const left =
    seen.filesLeft === 0 ? "no upload is left there" : `${counted(seen.filesLeft, "upload")} left there`;
  fact(io, "Seen", `prediction ${seen.predictions.join(", ")}; ${told}; ${left}`);
}

/** The end of a failed job's log, since the server that could show it may stop with the demo. */
async function printLogTail(server: ServerConnection, job_id: string, io: Io): Promise<void> {
  const page = await server.call("GET /api/cloud/jobs/{job_id}/logs", {
    params: { job_id },
    query: { tail: 15 },
  });
  for (const { text } of page.lines) printLine(io.err, `  ${withoutControls(text)}`);
}

/** What Ctrl-C leaves behind and how to go on from there. */
function stoppedSentence({ url, stateDir }: ServerProcess, isEmulated: boolean): string {
  if (isEmulated) return "The server and the stand-in for Replicate are stopped, and the training with them.";
  const again = `npx simpletuner-cloud server --port ${new URL(url).port} --state-dir "${stateDir}"`;
  return `The server is stopped; training that is under way goes on. Take it up again with: ${again}`;
}

async function demoPlan(
  server: ServerConnection,
  inputs: { provider: string; config_name_to_load: string; dataset_transfer: "package" },
): Promise<DatasetPlan> {
  try {
    return await server.call("POST /api/cloud/data-consent/preview", { body: inputs });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "config_not_found") throw error;
    throw new CommandFailure(
      `This server has no configuration named "${demoConfig}" any more. Restart it, or use a fresh --state-dir and --port.`,
    );
  }
}

function consentText(plan: DatasetPlan, isEmulated: boolean): string {
  if (plan.consent_mode === "allow") return "not needed: this server always allows sending datasets";
  if (isEmulated)
    return "you agree to this by running the demo; the sample images go to the stand-in on this machine only";
  return "you agree to this by running the demo; the sample images never leave this machine";
}

function printDelivery(io: Io, sentence: string, model: Delivery, page: string): void {
  printLine(io.out);
  printLine(io.out, styled(io.out, ["bold", "green"], sentence));
  fact(io, "Model", model.path);
  fact(io, "Size", `${formatBytes(model.sizeBytes)} (${formatCount(model.sizeBytes)} bytes)`);
  fact(io, "SHA-256", model.sha256);
  fact(io, "Look", styled(io.out, "underline", page));
}

async function untilStopped(own: ServerProcess, url: string, io: Io): Promise<void> {
  printLine(io.out);
  printLine(io.out, `The server stays up at ${url}. Ctrl-C stops it.`);
  const stopped = new Promise<null>((resolve) => {
    if (io.interrupted.aborted) return resolve(null);
    io.interrupted.addEventListener("abort", () => resolve(null), { once: true });
  });
  const ended = await Promise.race([own.ended, stopped]);
  if (ended !== null) throw new CommandFailure("The demo has no server any more.");
}

function keepRunning(own: ServerProcess, url: string, io: Io, replicate: ReplicateDemo | null): void {
  own.leaveRunning();
  printLine(io.out, `The server runs on at ${url} as process ${own.pid}.`);
  if (!replicate) return;
  replicate.emulator.leaveRunning();
  printLine(io.out, `The stand-in for Replicate runs on as process ${replicate.emulator.pid}.`);
}

function fact(io: Io, label: string, value: string): void {
  printLine(io.out, `${styled(io.out, "dim", label.padEnd(8))} ${value}`);
}
