import type { TunnelProgram } from "@simpletuner-cloud/contract/tunnel.ts";

/** A program that runs. */
export interface TunnelProcess {
  /** Resolves when the program has ended, whatever the reason; a program that could not be started has ended, too. */
  ended: Promise<void>;
  /** Ends it; resolves with `ended`. */
  stop(): Promise<void>;
}

/** Starts programs for tunnels. */
export interface TunnelRunner {
  /** Whether the program is installed here; looked for anew at each call. */
  isInstalled(program: TunnelProgram): Promise<boolean>;
  /**
   * Starts the program with this server as its target. It ends with this server, also when that is killed. `onLine` is
   * told each line that it writes, cut at a bounded length.
   */
  start(program: TunnelProgram, onLine: (line: string) => void): TunnelProcess;
}
