/** Seconds that each client took for each thing. */
export interface S3Timings {
  /** Runs `work` and notes its time; a failure is noted as such and thrown on. */
  timed<Result>(client: string, what: string, work: () => Promise<Result>): Promise<Result>;
  /** A table, a client a line and a thing a column; empty while nothing was noted. */
  table(): string;
}

/** Starts with nothing noted. */
export function s3Timings(): S3Timings {
  const lines = new Map<string, Map<string, string>>();
  const note = (client: string, what: string, text: string): void => {
    const line = lines.get(client) ?? new Map<string, string>();
    lines.set(client, line.set(what, text));
  };
  return {
    async timed(client, what, work) {
      const startedAt = performance.now();
      try {
        const result = await work();
        note(client, what, ((performance.now() - startedAt) / 1000).toFixed(1));
        return result;
      } catch (error) {
        note(client, what, "FAILED");
        throw error;
      }
    },
    table() {
      const columns = [...new Set([...lines.values()].flatMap((line) => [...line.keys()]))];
      const head = ["seconds".padEnd(28), ...columns.map((column) => column.padStart(15))].join("");
      const rows = [...lines].map(
        ([client, line]) =>
          client.padEnd(28) + columns.map((column) => (line.get(column) ?? "-").padStart(15)).join(""),
      );
      return lines.size === 0 ? "" : [head, ...rows].join("\n");
    },
  };
}
