import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { standingAt, type StoredPrediction } from "./prediction-life.ts";

/** What goes wrong with deliveries; shares from 0 to 1. */
export interface WebhookFaults {
  dropped: number;
  doubled: number;
  /** Signed with another key. */
  misSigned: number;
  /** Each waits up to this long, so that they come out of order. */
  delayMs: number;
}

/** A delivery that was sent, and how it was answered; status null: not at all. */
export interface SentDelivery {
  id: string;
  predictionId: string;
  url: string;
  status: string;
  answer: number | null;
}

/** What sending needs. */
export interface WebhookSenderOptions {
  faults: WebhookFaults;
  view: (prediction: StoredPrediction) => { status: string };
  now: () => number;
}

/** Terminal deliveries are repeated while they are not taken; all others never are. */
const attempts = 5;
const firstWaitMs = 40;
const lookEveryMs = 10;

/** Tells webhooks of the start and the end of predictions, signed as Replicate signs. */
export function webhookSender({ faults, view, now }: WebhookSenderOptions) {
  let key = randomBytes(24);
  const sent: SentDelivery[] = [];
  const stopped = new AbortController();
  const under = new Set<Promise<void>>();
  const made = { dropped: 0, doubled: 0 };

  const deliver = async (url: string, prediction: StoredPrediction): Promise<void> => {
    // Python's JSON: what is signed are these bytes, not what somebody makes of them again.
    const body = JSON.stringify(view(prediction), null, 1).replaceAll(/\n\s*/g, " ");
    const { status } = view(prediction);
    const terminal = !["starting", "processing"].includes(status);
    const id = `msg_${randomUUID()}`;
    if (Math.random() < faults.dropped) return void made.dropped++;
    await delay(Math.random() * faults.delayMs, undefined, { signal: stopped.signal });
    const copies = Math.random() < faults.doubled ? 2 : 1;
    made.doubled += copies - 1;
    for (let attempt = 0, taken = 0; attempt < (terminal ? attempts : 1) && taken < copies; attempt++) {
      if (attempt > 0) await delay(firstWaitMs * 2 ** attempt, undefined, { signal: stopped.signal });
      const signedWith = Math.random() < faults.misSigned ? randomBytes(24) : key;
      const answer = await post(url, { id, body, key: signedWith }, stopped.signal).catch(() => null);
      sent.push({ id, predictionId: prediction.id, url, status, answer });
      if (answer !== null && answer < 300) taken++;
    }
  };
  const follow = async (
    prediction: StoredPrediction,
    url: string,
    events: readonly string[],
  ): Promise<void> => {
    let told = "starting";
    while (!stopped.signal.aborted) {
      const { status } = standingAt(prediction, now());
      if (status !== told) {
        const event = status === "processing" ? "start" : "completed";
        if (events.includes(event)) track(deliver(url, prediction));
        told = status;
      }
      if (status !== "starting" && status !== "processing") return;
      await delay(lookEveryMs, undefined, { signal: stopped.signal });
    }
  };
  const track = (work: Promise<void>): void => {
    const quiet = work.catch(() => undefined).finally(() => under.delete(quiet));
    under.add(quiet);
  };

  return {
    sent,
    counts: () => ({ ...made, ...takenOf(sent) }),
    secret: () => `whsec_${key.toString("base64")}`,
    /** From now on deliveries are signed with another key. */
    rotate: () => void (key = randomBytes(24)),
    follow: (prediction: StoredPrediction, url: string, events: readonly string[]) =>
      track(follow(prediction, url, events)),
    async close(): Promise<void> {
      stopped.abort();
      await Promise.all(under);
    },
  };
}

/** Deliveries that were sent, and those of them that were taken. */
function takenOf(sent: readonly SentDelivery[]) {
  const taken = sent.filter(({ answer }) => answer !== null && answer < 300).length;
  return { sent: sent.length, taken };
}

/** Sends one delivery; answers the status. Another key's signature stands before ours, as after a change of keys. */
async function post(
  url: string,
  { id, body, key }: { id: string; body: string; key: Buffer },
  stopped: AbortSignal,
): Promise<number> {
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  const response = await fetch(url, {
    method: "POST",
    redirect: "manual",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      "webhook-signature": `v1,${randomBytes(32).toString("base64")} v1,${signature}`,
    },
    body,
    signal: AbortSignal.any([stopped, AbortSignal.timeout(5_000)]),
  });
  await response.arrayBuffer();
  return response.status;
}

/** See {@link webhookSender}. */
export type WebhookSender = ReturnType<typeof webhookSender>;
