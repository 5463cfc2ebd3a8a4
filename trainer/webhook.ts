import type { WebhookTarget } from "./config.ts";

/** One event as SimpleTuner's raw webhooks carry it; `job_id` and `timestamp` are added on sending. */
export interface TrainerEvent {
  type:
    | "lifecycle.stage"
    | "training.status"
    | "training.progress"
    | "training.checkpoint"
    | "validation.image"
    | "error";
  severity?: "info" | "success" | "warning" | "error";
  title?: string;
  message?: string;
  stage?: {
    key: string;
    label: string;
    status: "running" | "completed" | "failed";
    progress?: EventProgress;
  };
  progress?: EventProgress;
  checkpoint?: { path: string; label: string; is_final: boolean };
  data?: Record<string, unknown>;
}

/** How far something is. */
export interface EventProgress {
  label: string;
  current: number;
  total: number;
  /** 0 to 100, one decimal. */
  percent: number;
  eta_seconds: number | null;
  metrics: Record<string, number>;
}

/** Tells the configured receivers what happens. Sending never blocks, fails or delays the training. */
export interface Webhooks {
  send(event: TrainerEvent): void;
  /** Waits at most `timeoutMs` for events that are still being sent. */
  flush(timeoutMs: number): Promise<void>;
}

/** A receiver that is this far behind loses the oldest events. */
const maxQueued = 200;
const requestTimeoutMs = 5_000;

/** Sends events of job `jobId` to `targets`, to each in order. */
export function webhookSender(targets: readonly WebhookTarget[], jobId: string): Webhooks {
  const senders = targets.map(targetSender);
  return {
    send: (event) => {
      const body = JSON.stringify({ ...event, job_id: jobId, timestamp: new Date().toISOString() });
      for (const sender of senders) sender.push(body);
    },
    flush: async (timeoutMs) => {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, timeoutMs);
      await Promise.race([Promise.all(senders.map(({ idle }) => idle())), late]);
      clearTimeout(timer);
    },
  };
}

function targetSender({ callbackUrl, authToken }: WebhookTarget): {
  push(body: string): void;
  idle(): Promise<void>;
} {
  const queue: string[] = [];
  let working: Promise<void> | undefined;
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (authToken !== undefined) headers["x-api-key"] = authToken;
  const work = async (): Promise<void> => {
    for (let body = queue.shift(); body !== undefined; body = queue.shift()) {
      try {
        const signal = AbortSignal.timeout(requestTimeoutMs);
        const response = await fetch(callbackUrl, {
          method: "POST",
          headers,
          body,
          signal,
          redirect: "error",
        });
        await response.body?.cancel();
      } catch {
        // An event is news, not state: what matters is also in the log and in the files.
      }
    }
    working = undefined;
  };
  return {
    push: (body) => {
      queue.push(body);
      if (queue.length > maxQueued) queue.shift();
      working ??= work();
    },
    idle: () => working ?? Promise.resolve(),
  };
}
