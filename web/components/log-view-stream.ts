import type { LogLine } from "@simpletuner-cloud/contract/logs.ts";

/** What a live log tells. */
export interface LogStreamListener {
  onLines: (lines: LogLine[]) => void;
  onState: (state: "live" | "lost" | "done") => void;
}

/**
 * Follows a job's log from line `fromLine` on until the job ends or the answer is called. After a break the server
 * continues behind the last line that arrived.
 */
export function followLog(jobId: string, fromLine: number, listener: LogStreamListener): () => void {
  let next = fromLine;
  let timer = 0;
  let source: EventSource | null = null;
  const open = (): void => {
    const stream = new EventSource(
      `/api/cloud/jobs/${encodeURIComponent(jobId)}/logs/stream?from_line=${next}`,
    );
    source = stream;
    stream.addEventListener("open", () => listener.onState("live"));
    stream.addEventListener("lines", (message) => {
      const lines = JSON.parse((message as MessageEvent<string>).data) as LogLine[];
      next = Math.max(next, (lines.at(-1)?.line ?? 0) + 1);
      listener.onLines(lines);
    });
    stream.addEventListener("done", () => {
      stream.close();
      listener.onState("done");
    });
    stream.addEventListener("error", () => {
      if (stream.readyState === EventSource.CLOSED && source !== stream) return;
      listener.onState("lost");
      // The browser gives up after an error answer; a server that restarts answers such errors for a moment.
      stream.close();
      timer = window.setTimeout(open, 2000);
    });
  };
  open();
  return () => {
    clearTimeout(timer);
    const stream = source;
    source = null;
    stream?.close();
  };
}
