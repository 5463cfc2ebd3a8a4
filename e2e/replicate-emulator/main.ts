/**
 * Replicate's API on this machine, to try the product without an account:
 * `node e2e/replicate-emulator/main.ts --port 8100 --seconds 20 --faults 0.1`.
 */
import { parseArgs } from "node:util";
import { startReplicateEmulator } from "./emulator.ts";

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
console.log(
  `REPLICATE_BASE_URL=${emulator.baseUrl} REPLICATE_API_TOKEN=${emulator.token} REPLICATE_DATASETS=archive`,
);
const stop = (): void => void emulator.close().then(() => process.exit(0));
process.once("SIGINT", stop).once("SIGTERM", stop);
