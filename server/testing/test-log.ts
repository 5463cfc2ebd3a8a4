import type { LineTaker } from "../log.ts";
import { type RunningServer, startServer, type StartOptions } from "../main.ts";

/**
 * Takes the lines of servers that tests start, whose trouble is mostly what a test is about. Only an error that nobody
 * expects is shown, or every line where TEST_LOG is set.
 */
export const testLog: LineTaker = {
  write(line: string) {
    if (process.env["TEST_LOG"] || line.includes('"message":"unexpected error"')) process.stderr.write(line);
  },
};

/** Starts a server in this process whose log goes to {@link testLog}. */
export function startQuietly(options: StartOptions): Promise<RunningServer> {
  return startServer({ logOutput: testLog, ...options });
}
