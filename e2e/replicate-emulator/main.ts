/**
 * Replicate's API on this machine, to try the product without an account:
 * `node e2e/replicate-emulator/main.ts --port 8100 --seconds 20 --faults 0.1`. A program that starts it as its child is
 * told where it is, and what it saw when it asks; it ends with that program unless it is told to stay.
 */
import { parseArgs } from "node:util";
import { type ReplicateEmulator, startReplicateEmulator } from "./emulator.ts";

/** What a parent is told. */
function seenBy({ calls, predictions, files, webhooks, billedNanoUsd }: ReplicateEmulator) {
  return {
    calls: calls.length,
    predictions: predictions.map(({ id }) => id),
    filesLeft: files.size,
    webhooksTaken: webhooks.counts().taken,
    billedMicros: Math.round(billedNanoUsd() / 1_000),
  };
}

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8100" },
    token: { type: "string", default: "r8_emulator" },
    seconds: { type: "string", default: "20" },
    faults: { type: "string", default: "0" },
  },
});
const emulator = await startReplicateEmulator({
  port: Number(values.port),
  token: values.token,
  startMs: 2_000,
  trainMs: Number(values.seconds) * 1_000,
  faultRate: Number(values.faults),
  predictor: "unpacks",
});
const environment = {
  REPLICATE_BASE_URL: emulator.baseUrl,
  REPLICATE_API_TOKEN: emulator.token,
  REPLICATE_STATUS_URL: emulator.statusUrl,
  REPLICATE_DATASETS: "archive",
};
const stop = (): void => void emulator.close().then(() => process.exit(0));
process.once("SIGINT", stop).once("SIGTERM", stop).once("disconnect", stop);
process.on("message", (message) => {
  if (message === "seen") process.send?.({ seen: seenBy(emulator) });
  if (message === "keep") process.removeListener("disconnect", stop).disconnect();
});
if (process.send) process.send({ environment });
else
  console.log(
    Object.entries(environment)
      .map(([name, value]) => `${name}=${value}`)
      .join(" "),
  );
