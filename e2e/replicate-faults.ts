/**
 * Jobs through an emulated Replicate where a fifth of all calls and deliveries goes wrong, while the server is killed
 * with -9 again and again. Usage: `node e2e/replicate-faults.ts [--jobs 1000] [--kills 30] [--seed 1] [--at-once 40]
 * [--faults 0.2]`; prints what it came to and exits 1 when something does not hold.
 */
import { parseArgs } from "node:util";
import { faultRun } from "./replicate-faults/run.ts";

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: "1000" },
    kills: { type: "string", default: "30" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    "at-once": { type: "string", default: "40" },
    faults: { type: "string", default: "0.2" },
    minutes: { type: "string", default: "60" },
  },
});
const options = {
  jobs: Number(values.jobs),
  kills: Number(values.kills),
  seed: Number(values.seed),
  atOnce: Number(values["at-once"]),
  faultRate: Number(values.faults),
  limitMs: Number(values.minutes) * 60_000,
};
console.log(`${options.jobs} jobs, ${options.kills} kills, seed ${options.seed}`);
const { problems, recoveredMs, faults, ...report } = await faultRun({
  ...options,
  onProgress: (line) => console.log(`  ${line}`),
});
console.log(JSON.stringify({ ...report, faults, slowestRecoveryMs: Math.max(0, ...recoveredMs) }, null, 2));
for (const problem of problems) console.log(`PROBLEM: ${problem}`);
if (problems.length > 0) process.exitCode = 1;
