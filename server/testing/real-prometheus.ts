import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePort } from "./real-services.ts";
import { eventually } from "./trainer-scripts.ts";

const program = process.env["TEST_PROMETHEUS"];
/** Comes with Prometheus. */
const promtool = program === undefined ? undefined : join(dirname(program), "promtool");

/** Why tests that need Prometheus are skipped; false where it can be had. */
export const prometheusSkip: string | false = program === undefined ? "Prometheus was not found" : false;

/** What promtool said, and its exit status. */
export function runPromtool(args: readonly string[], input = ""): { status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(promtool ?? "", args, { input, encoding: "utf8" });
  return { status, said: `${stdout}${stderr}` };
}

/** One series of an answer. */
export interface PromSeries {
  metric: Record<string, string>;
  value: [number, string];
}

/** A Prometheus that runs. */
export interface RealPrometheus {
  /** What an expression comes to now; throws what Prometheus says of a wrong one. */
  query(expr: string): Promise<PromSeries[]>;
  /** The answer of another path of its API. */
  get<Data>(path: string): Promise<Data>;
  stop(): Promise<void>;
}

/** Starts Prometheus with a configuration file, its data in a folder of its own. */
export async function startPrometheus(configFile: string): Promise<RealPrometheus> {
  const folder = mkdtempSync(join(tmpdir(), "prometheus "));
  const port = await freePort();
  const child = spawn(
    program ?? "",
    [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${folder}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { stdio: "ignore" },
  );
  const exited = once(child, "exit");
  const get = async <Data>(path: string): Promise<Data> => {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    const body = (await answer.json()) as { status: string; error?: string; data: Data };
    if (body.status !== "success") throw new Error(body.error);
    return body.data;
  };
  await eventually("Prometheus to answer", async () => {
    if (child.exitCode !== null) throw new Error("Prometheus did not start");
    return get("status/buildinfo").catch(() => null);
  });
  return {
    get,
    async query(expr) {
      const { result } = await get<{ result: PromSeries[] | [number, string] }>(
        `query?query=${encodeURIComponent(expr)}`,
      );
      return result as PromSeries[];
    },
    async stop() {
      child.kill("SIGKILL");
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
