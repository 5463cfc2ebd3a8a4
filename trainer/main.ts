/**
 * The bundled CPU trainer: trains a small pixel-space diffusion model under SimpleTuner's contract
 * (`CONFIG_PATH=config.json node trainer/main.ts`). Exit codes: 0 trained and delivered, 1 unexpected,
 * 2 configuration, dataset or checkpoint unusable, 3 trained but not delivered, 130/143 stopped by a signal.
 */
import { readTrainerConfig } from "./config.ts";
import { reasonOf, systemCode, TrainerFailure } from "./failure.ts";
import { stdoutLog } from "./log.ts";
import { prepareOutputDir, train } from "./training.ts";
import { startDelivery } from "./upload.ts";
import { webhookSender, type Webhooks } from "./webhook.ts";

/** A stopped run is gone after this long, whatever it is doing. */
const stopLimitMs = 4_500;
const webhookFlushMs = 2_000;

const log = stdoutLog();
const stop = new AbortController();
let stopCode = 143;
for (const [signal, code] of [
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const) {
  process.on(signal, () => {
    stopCode = code;
    stop.abort();
    setTimeout(() => process.exit(code), stopLimitMs);
  });
}

async function main(): Promise<number> {
  let webhooks: Webhooks | undefined;
  try {
    log.info("Loading configuration");
    const config = await readTrainerConfig(process.env, process.cwd());
    for (const note of config.notes) log.warn(note);
    webhooks = webhookSender(config.webhooks, config.jobId);
    await prepareOutputDir(config.outputDir);
    const delivery = await startDelivery(config.outputDir, config.publishing, log);
    const outcome = await train(config, process.cwd(), { log, webhooks, delivery }, stop.signal);
    if (outcome === "stopped") return stopCode;
    log.info("Training complete");
    return 0;
  } catch (error) {
    const sentence = sentenceOf(error);
    log.error(sentence);
    webhooks?.send({ type: "error", severity: "error", title: "Training failed", message: sentence });
    return error instanceof TrainerFailure ? error.exitCode : 1;
  } finally {
    await webhooks?.flush(webhookFlushMs);
  }
}

function sentenceOf(error: unknown): string {
  if (error instanceof TrainerFailure) return error.message;
  if (systemCode(error) === "ENOSPC")
    return "output_dir: its disk is full. Free some space and resume the job.";
  return `Training failed: ${reasonOf(error)}`;
}

process.exit(await main());
