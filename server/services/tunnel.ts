import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import {
  type Tunnel,
  type tunnelEndpoints,
  type TunnelProgram,
  tunnelPrograms,
} from "@simpletuner-cloud/contract/tunnel.ts";
import type { TunnelRunner } from "../adapters/tunnels/tunnel.ts";
import type { ServerEventStore } from "../db/stores/server-events.ts";
import { installUrls, readTunnelLine } from "../domain/tunnel-output.ts";
import type { Handlers } from "./handler.ts";

/** What keeping a tunnel needs. */
export interface TunnelOptions {
  runner: TunnelRunner;
  /** The address that is set, which comes before the tunnel's; null without. */
  addressSet: () => Promise<string | null>;
  now: () => number;
  log: Pick<Logger, "warn">;
  /** Tests shorten the waits. */
  waits?: TunnelWaits;
}

/** How long a tunnel is waited for. */
export interface TunnelWaits {
  /** For its address. */
  addressMs: number;
  /** Before the first start after an end; doubled for each that follows. */
  firstMs: number;
  longestMs: number;
}

const usualWaits: TunnelWaits = { addressMs: 60_000, firstMs: 1_000, longestMs: 60_000 };
/** Starts in a row that gave no address; after them a person is waited for. */
const mostFailures = 5;

const silent =
  "It gave no address within a minute. Check that this machine reaches the internet, or its proxy settings.";

interface Running {
  program: TunnelProgram;
  stopping: AbortController;
  over: Promise<void>;
  startedAtMs: number;
  status: "starting" | "running" | "failed";
  url: string | null;
  message: string | null;
  restarts: number;
}

/**
 * Keeps one tunnel to this server: starts it again when it ends by itself, and ends it with the server. Its address is
 * that of its present start, never one that is gone.
 */
export function tunnelKeeper(options: TunnelOptions) {
  let current: Running | null = null;
  const stop = async (): Promise<void> => {
    current?.stopping.abort();
    await current?.over;
    current = null;
  };
  return {
    /** Where the internet reaches this server by its tunnel; null while it does not. */
    url: (): string | null => current?.url ?? null,
    /** What health tells; null while no tunnel is wanted. */
    state: (): Pick<Running, "status" | "program" | "message"> | null => current,
    view: (): Promise<Tunnel> => viewOf(options, current),
    /** Throws `tunnel_runs_already` and `tunnel_program_missing`. */
    async start(asked: TunnelProgram | undefined): Promise<void> {
      const program = await installedProgram(options.runner, asked);
      if (current && current.status !== "failed")
        throw fail("tunnel_runs_already", { program: current.program });
      await stop();
      current = begin(options, program);
    },
    stop,
  };
}

/** See {@link tunnelKeeper}. */
export type TunnelKeeper = ReturnType<typeof tunnelKeeper>;

async function installedProgram(runner: TunnelRunner, asked: TunnelProgram | undefined) {
  for (const program of asked ? [asked] : tunnelPrograms)
    if (await runner.isInstalled(program)) return program;
  const [first] = tunnelPrograms;
  const program = asked ?? first;
  throw fail("tunnel_program_missing", { program, install_url: installUrls[program] });
}

function begin(options: TunnelOptions, program: TunnelProgram): Running {
  const running: Running = {
    program,
    stopping: new AbortController(),
    over: Promise.resolve(),
    startedAtMs: options.now(),
    status: "starting",
    url: null,
    message: null,
    restarts: 0,
  };
  running.over = supervise(options, running);
  return running;
}

/** Starts the program again and again until it is stopped, or has failed so often that somebody has to look. */
async function supervise(
  { runner, log, waits = usualWaits }: TunnelOptions,
  running: Running,
): Promise<void> {
  const { program, stopping } = running;
  for (let failures = 0; !stopping.signal.aborted; running.restarts++) {
    const { hadAddress, problem, isFinal } = await oneStart(runner, running, waits.addressMs);
    running.url = null;
    if (stopping.signal.aborted) break;
    failures = hadAddress ? 0 : failures + 1;
    running.message = problem ?? `${program} ended by itself.`;
    running.status = isFinal || failures >= mostFailures ? "failed" : "starting";
    log.warn({ program, problem: running.message, failures }, "the tunnel ended");
    if (running.status === "failed") return;
    const waitMs = Math.min(waits.longestMs, waits.firstMs * 2 ** failures);
    await delay(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined);
  }
}

/** Runs the program once, until it ends, gives no address in time, or is told to stop. */
async function oneStart(runner: TunnelRunner, running: Running, addressMs: number) {
  const { program, stopping } = running;
  const told: { hadAddress: boolean; problem: string | null; isFinal: boolean } = {
    hadAddress: false,
    problem: null,
    isFinal: false,
  };
  const child = runner.start(program, (line) => {
    const news = readTunnelLine(program, line);
    if (news === null) return;
    // The first address counts: nothing that the program passes on from elsewhere may put another in its place.
    if (news.url !== undefined && !told.hadAddress) {
      told.hadAddress = true;
      Object.assign(running, { url: news.url, status: "running", message: null });
    }
    told.problem = news.problem ?? told.problem;
    told.isFinal ||= news.isFinal === true;
  });
  const end = (): void => void child.stop();
  stopping.signal.addEventListener("abort", end, { once: true });
  if (stopping.signal.aborted) end();
  const late = setTimeout(() => {
    if (told.hadAddress) return;
    told.problem ??= silent;
    end();
  }, addressMs);
  await child.ended;
  clearTimeout(late);
  stopping.signal.removeEventListener("abort", end);
  return told;
}

async function viewOf({ runner, addressSet }: TunnelOptions, current: Running | null): Promise<Tunnel> {
  return {
    status: current?.status ?? "off",
    program: current?.program ?? null,
    url: current?.url ?? null,
    started_at: current ? new Date(current.startedAtMs).toISOString() : null,
    restarts: current?.restarts ?? 0,
    message: current?.message ?? null,
    used_instead: await addressSet(),
    programs: await Promise.all(
      tunnelPrograms.map(async (program) => ({
        program,
        installed: await runner.isInstalled(program),
        install_url: installUrls[program],
      })),
    ),
  };
}

/** Shows, starts and stops the tunnel. */
export function tunnelService({
  tunnel,
  serverEvents,
}: {
  tunnel: TunnelKeeper;
  serverEvents: ServerEventStore;
}): Handlers<typeof tunnelEndpoints> {
  return {
    getTunnel: () => tunnel.view(),
    async startTunnel({ body }, { caller }) {
      await tunnel.start(body.program);
      const { program } = await tunnel.view();
      await serverEvents.append("tunnel.started", { program, by: caller.userId });
      return tunnel.view();
    },
    async stopTunnel(_, { caller }) {
      const { program, status } = await tunnel.view();
      await tunnel.stop();
      if (status !== "off") await serverEvents.append("tunnel.stopped", { program, by: caller.userId });
      return tunnel.view();
    },
  };
}
