import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requestsPerSecond } from "./http-load.ts";
import { seedJobs } from "./seed-jobs.ts";
import { serverProgram, startProgram, startServer } from "./server-process.ts";

/**
 * What traces cost: the same requests to a server without them, with every trace kept, with a tenth kept, and with a
 * collector that never answers; in turn, several rounds, each begun by another, since the machine may be busy. The best
 * round of each is told, with the least processor time that a request took. Usage: `node bench/traces.ts [seconds] [rounds]`
 */
const seconds = Number(process.argv[2] ?? 3);
const rounds = Number(process.argv[3] ?? 5);

/** A collector in a process of its own, which takes everything or nothing. */
async function collect(answers: boolean): Promise<void> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      if (answers) response.end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  process.stderr.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
}

async function measure(): Promise<void> {
  const workDir = await mkdtemp(join(tmpdir(), "traces-bench-"));
  const collector = (how: string) => startProgram([import.meta.filename, how], process.env, null);
  const [takes, hangs] = await Promise.all([collector("takes"), collector("hangs")]);
  const ways: Record<string, NodeJS.ProcessEnv> = {
    off: {},
    on: { OTEL_EXPORTER_OTLP_ENDPOINT: takes.url },
    "a tenth": {
      OTEL_EXPORTER_OTLP_ENDPOINT: takes.url,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: "0.1",
    },
    "hanging collector": { OTEL_EXPORTER_OTLP_ENDPOINT: hangs.url },
  };
  const running = [];
  for (const [way, env] of Object.entries(ways)) {
    const stateDir = join(workDir, way);
    const { someIds } = await seedJobs(stateDir, 1_000);
    const server = await startServer(stateDir, serverProgram(), [], env);
    running.push({ way, server, jobs: someIds.map((id) => `/api/cloud/jobs/${id}`) });
  }
  for (const [figure, pathsOf] of [
    ["one job", ({ jobs }) => jobs],
    ["list of 50", () => ["/api/cloud/jobs?limit=50"]],
  ] as [string, (one: { jobs: string[] }) => string[]][]) {
    const seen = running.map(() => ({ perSecond: [] as number[], micros: [] as number[] }));
    for (let round = 0; round <= rounds; round++)
      for (let turn = 0; turn < running.length; turn++) {
        const index = (turn + round) % running.length;
        const one = running[index];
        if (!one) continue;
        const before = one.server.cpuSeconds();
        const perSecond = await requestsPerSecond(one.server.url, pathsOf(one), seconds, workDir);
        // The first round is for warming up.
        if (round === 0) continue;
        seen[index]?.perSecond.push(perSecond);
        seen[index]?.micros.push(((one.server.cpuSeconds() - before) / (perSecond * seconds)) * 1e6);
      }
    const [off] = seen;
    for (const [index, { way }] of running.entries()) {
      const { perSecond = [], micros = [] } = seen[index] ?? {};
      const best = Math.max(...perSecond);
      const ratio = best / Math.max(...(off?.perSecond ?? []));
      console.log(
        `${figure.padEnd(12)}${way.padEnd(20)}${best.toFixed(0).padStart(7)} req/s  ratio ${ratio.toFixed(2)}  ${Math.min(...micros).toFixed(0)} µs of processor each`,
      );
    }
  }
  for (const { server } of running) await server.stop();
  await takes.stop();
  await hangs.stop();
  await rm(workDir, { recursive: true, force: true });
}

const [, , how] = process.argv;
if (how === "takes" || how === "hangs") await collect(how === "takes");
else await measure();
