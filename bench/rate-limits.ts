/**
 * What limiting requests costs. First checks a second of one hot key on the default backend, with windows that hold fifty
 * to half a million hits before: it must not matter. Then the real server with and without limits, by processor time and by
 * requests a second. `node bench/rate-limits.ts [--seconds 3] [--rounds 3]`
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openState } from "../server/adapters/state/registry.ts";
import type { StateStore } from "../server/adapters/state/state.ts";
import { rateLimiter } from "../server/services/rate-limiter.ts";
import { requestsPerSecond } from "./http-load.ts";
import { type ListeningProcess, serverProgram, startServer } from "./server-process.ts";

function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return (at === -1 ? undefined : process.argv[at + 1]) ?? otherwise;
}

const seconds = Number(option("seconds", "3"));
const rounds = Number(option("rounds", "3"));
const folder = await mkdtemp(join(tmpdir(), "rate-limits-bench-"));

/** Checks that a server under load asks for at once. */
const atOnce = 64;
const goal = 20_000;
const hourMs = 3_600_000;
/** The store's clock: ahead of the machine's by what filling windows takes. */
let aheadMs = 0;

await hotKey();
await throughTheServer();
await rm(folder, { recursive: true, force: true });

async function hotKey(): Promise<void> {
  const state = await openState({
    kind: "sqlite",
    url: "",
    tls: false,
    poolSize: 1,
    timeoutMs: 30_000,
    keyPrefix: "st:",
    path: join(folder, "state.db"),
    caBundle: null,
    now: () => Date.now() + aheadMs,
    onError: (error) => console.error(error),
  });
  console.log("one hot key on SQLite, every check through to the file");
  for (const limit of [100, 10_000, 1_000_000]) {
    await filled(state, `hot:k${limit}`, limit);
    const single = await questions(state, limit);
    const together = await checks(state, limit);
    const isMet = together.perSecond >= goal;
    const shown = ({ perSecond, micros }: Speed): string =>
      `${perSecond.toFixed(0)} a second, ${micros.toFixed(1)} µs of processor each`;
    console.log(
      `  window of ${String(limit).padStart(9)}, ${atOnce} at once: ${shown(together)} (goal ${goal}: ${isMet ? "ok" : "FAILED"})`,
    );
    console.log(`  ${"".padStart(19)}, one by one: ${shown(single)}`);
    if (!isMet) process.exitCode = 1;
  }
  await state.close();
}

/** Fills half of a window with hits all over it, as its traffic would have been. */
async function filled(state: StateStore, key: string, limit: number): Promise<void> {
  for (let at = 0; at < 400; at++) {
    aheadMs += hourMs / 500;
    await state.takePlaces(key, { limit, windowMs: hourMs }, Math.max(1, Math.floor(limit / 800)));
  }
}

interface Speed {
  perSecond: number;
  /** Of processor time each, which tells more than the clock where the machine has other work. */
  micros: number;
}

/** How often `round`, which does `count` of something, is done in the time. */
async function speedOf(count: number, round: () => Promise<unknown>): Promise<Speed> {
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  let done = 0;
  while (performance.now() - startedAt < seconds * 1_000) {
    await round();
    done += count;
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond: done / ((performance.now() - startedAt) / 1_000), micros: (user + system) / done };
}

/** Questions to the store one after the other. A limit that is never reached, so that each of them writes. */
function questions(state: StateStore, limit: number): Promise<Speed> {
  const rule = { limit: limit * 1_000, windowMs: hourMs };
  return speedOf(1, () => state.takePlaces(`hot:k${limit}`, rule, 1));
}

/** Checks as requests make them, many at once; a full key would be answered from memory. */
function checks(state: StateStore, limit: number): Promise<Speed> {
  const limiter = rateLimiter(state, "hot", { limit: limit * 1_000, windowMs: hourMs });
  return speedOf(atOnce, () => Promise.all(Array.from({ length: atOnce }, () => limiter.check(`k${limit}`))));
}

interface Figures {
  perSecond: number;
  cpuMicros: number;
}

async function throughTheServer(): Promise<void> {
  // The limit is one that is never reached, so that every request is counted and answered.
  const kinds = {
    off: { RATE_LIMIT_CALLS: "0" },
    "not counted (this machine)": { RATE_LIMIT_CALLS: "1000000" },
    counted: { RATE_LIMIT_CALLS: "1000000", RATE_LIMIT_LOCALHOST: "limit" },
  };
  const servers: [name: string, server: ListeningProcess, figures: Figures[]][] = [];
  for (const [name, env] of Object.entries(kinds)) {
    Object.assign(process.env, { RATE_LIMIT_LOCALHOST: "", ...env });
    const stateDir = await mkdtemp(join(folder, "state-"));
    servers.push([name, await startServer(stateDir, serverProgram()), []]);
  }
  // In turns, so that what else the machine does meets all of them.
  for (let round = 0; round <= rounds; round++)
    for (const [, server, figures] of servers) {
      const cpuBefore = server.cpuSeconds();
      const perSecond = await requestsPerSecond(server.url, ["/api/cloud/jobs?limit=10"], seconds, folder);
      const cpuMicros = ((server.cpuSeconds() - cpuBefore) / (perSecond * seconds)) * 1e6;
      // The first round warms up.
      if (round > 0) figures.push({ perSecond, cpuMicros });
    }
  console.log(`through the server: GET /api/cloud/jobs, 32 connections, median of ${rounds}`);
  for (const [name, server, figures] of servers) {
    const median = (of: (one: Figures) => number) =>
      figures.map(of).sort((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN;
    console.log(
      `  limits ${name}: ${median((one) => one.perSecond).toFixed(0)} req/s, ${median((one) => one.cpuMicros).toFixed(0)} µs of processor each`,
    );
    await server.stop();
  }
}
