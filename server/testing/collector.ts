import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request as a collector got it. */
export interface CollectedEntry {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** How a request is answered: with a status, or badly. */
export type CollectorAnswer =
  | { status: number; headers?: Record<string, string>; body?: string }
  | "hang"
  | "cut"
  | "cut in the answer";

/** A collector on this machine that keeps what it gets, and misbehaves as told. */
export interface TestCollector {
  url: string;
  /** Every request, also those that were answered badly. */
  requests: CollectedEntry[];
  /** Numbers of the entries in JSON bodies that were answered with 2xx, in the order they came. */
  taken: number[];
  /** Asked for each request; 200 unless it says otherwise. */
  answer: (entry: CollectedEntry) => CollectorAnswer | Promise<CollectorAnswer>;
  close(): Promise<void>;
}

/** Starts a {@link TestCollector}. */
export async function startCollector(): Promise<TestCollector> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("error", () => undefined);
    request.on("end", () => {
      const body = Buffer.concat(pieces).toString("utf8");
      void take({ path: request.url ?? "", headers: request.headers, body }, response);
    });
  });
  const collector: TestCollector = {
    url: "",
    requests: [],
    taken: [],
    answer: () => ({ status: 200 }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  const take = async (entry: CollectedEntry, response: ServerResponse): Promise<void> => {
    collector.requests.push(entry);
    const answer = await collector.answer(entry);
    if (answer === "hang") return;
    if (answer === "cut") return void response.destroy();
    if (answer === "cut in the answer") {
      response.writeHead(200, { "content-length": "100" }).write("only the beg");
      setTimeout(() => response.destroy(), 20);
      return;
    }
    if (answer.status >= 200 && answer.status < 300) collector.taken.push(idOf(entry.body));
    response.writeHead(answer.status, answer.headers).end(answer.body ?? "");
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return collector;
}

function idOf(body: string): number {
  return Number(/"audit_id":(\d+)/.exec(body)?.[1] ?? Number.NaN);
}
