import { setTimeout as delay } from "node:timers/promises";
import { readStream, type StreamReader } from "../../server/testing/stream-reader.ts";

/** What was heard on an event stream that is opened again whenever it ends. */
export interface FollowedEvents {
  /** Jobs that were told to be made. */
  readonly jobs: ReadonlySet<string>;
  /** How often the stream was told to come back. */
  readonly told: number;
  /** Ends of which nothing was told, and openings that were refused. */
  readonly breaks: readonly string[];
}

/** Follows the events at an address until the signal aborts, each time from the last event that was heard. */
export function followedEvents(
  { url, token }: { url: string; token: string },
  signal: AbortSignal,
): FollowedEvents {
  const heard = { jobs: new Set<string>(), told: 0, breaks: [] as string[] };
  const collect = async (stream: StreamReader, from: string | null): Promise<string | null> => {
    let [read, last] = [0, from];
    const take = (): void => {
      for (const { event, id, data } of stream.messages.slice(read)) {
        read++;
        last = id ?? last;
        if (event === "job.created") heard.jobs.add(String(data["job_id"]));
        if (event === "reconnect") heard.told++;
      }
    };
    const ended = stream.ended.then(
      () => "over" as const,
      () => "over" as const,
    );
    for (let state = "open"; state !== "over" && !signal.aborted;) {
      state = await Promise.race([ended, delay(10).then(() => "open")]);
      take();
    }
    if (!signal.aborted && stream.messages.at(-1)?.event !== "reconnect") heard.breaks.push("cut off");
    return last;
  };
  const follow = async (): Promise<void> => {
    for (let last: string | null = null; !signal.aborted;) {
      const headers = { "x-api-key": token, ...(last !== null && { "last-event-id": last }) };
      const stream = await readStream(`${url}/api/events/stream`, headers).catch(() => null);
      if (stream === null || stream.status !== 200) {
        heard.breaks.push(`refused: ${stream?.status}`);
        await delay(50);
        continue;
      }
      last = await collect(stream, last);
      stream.close();
    }
  };
  void follow();
  return heard;
}
