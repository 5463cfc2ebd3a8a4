import type { KeyObject } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { webhookKey } from "../../../domain/webhook-signature.ts";
import type { CallBack, ProviderWebhooks } from "../provider.ts";
import { NothingNamed, parseAnswer, Prediction } from "./answers.ts";
import type { ReplicateClient } from "./client.ts";
import { asFailure } from "./failures.ts";
import type { PredictionWatch } from "./prediction-watch.ts";
import { isOver } from "./watched-runs.ts";

/** Waits around webhooks; tests shorten them. */
export interface WebhookTimes {
  /** A key is good for so long (CONTRACT 1.6), and one that fits nothing is not asked for again sooner than that. */
  keyLifeMs: number;
  askAgainMs: number;
  /** Between looks at a check that Replicate makes. */
  lookMs: number;
}

/** What taking webhooks needs. */
export interface WebhookParts {
  client: ReplicateClient;
  watch: Pick<PredictionWatch, "hear">;
  baseUrl: string;
}

/** What holds outside of tests. */
export const usualWebhookTimes: WebhookTimes = { keyLifeMs: 300_000, askAgainMs: 10_000, lookMs: 1_000 };

/** The model that calls an address and tells how that went (CONTRACT 1.3). */
const checkModel = "simpletuner/webhook-check";
const checkSeconds = 30;
/** A key of fewer bytes is none: whoever guesses it signs what they like. */
const leastKeyBytes = 16;
const checkLooks = 60;

/** What Replicate tells by itself: the whole prediction, signed with the account's key. */
export function replicateWebhooks(
  { client, watch, baseUrl }: WebhookParts,
  times: WebhookTimes,
): ProviderWebhooks {
  let known: { keys: Promise<KeyObject[]>; askedAt: number } | null = null;
  return {
    keys(fresh) {
      const age = known === null ? Number.POSITIVE_INFINITY : performance.now() - known.askedAt;
      if (known && age < (fresh ? times.askAgainMs : times.keyLifeMs)) return known.keys;
      const keys = client.webhookSecret().then(
        (secret) =>
          [webhookKey(secret)].filter(({ symmetricKeySize = 0 }) => symmetricKeySize >= leastKeyBytes),
        (error: unknown) => Promise.reject(asFailure(error)),
      );
      known = { keys, askedAt: performance.now() };
      // A failure is told to whoever asked, and asked again next time.
      keys.catch(() => (known = null));
      return keys;
    },
    calls: (url) => webhookAddress(url, baseUrl) !== null,
    read(body) {
      const text = Buffer.from(body).toString("utf8");
      const prediction = parseAnswer(Prediction, text);
      if (prediction) return { externalId: prediction.id, status: prediction.status };
      if (parseAnswer(NothingNamed, text)) return null;
      throw fail("webhook_unreadable", { problem: "not what Replicate sends" });
    },
    hear: ({ externalId, status }) => watch.hear({ id: externalId, status }),
    callBack: (url, signal) =>
      callBack(client, url, times.lookMs, signal).catch((error: unknown) => {
        throw asFailure(error);
      }),
  };
}

/**
 * Where Replicate tells of runs when this server has that address; null where it would not. It calls https addresses
 * only; a server that stands in for it may call any.
 */
export function webhookAddress(url: string | null, baseUrl: string): string | null {
  if (url === null || (url.startsWith("http:") && baseUrl.startsWith("https:"))) return null;
  return `${url}/api/webhooks/replicate`;
}

async function callBack(
  client: ReplicateClient,
  url: string,
  lookMs: number,
  signal: AbortSignal,
): Promise<CallBack> {
  const { version } = await client.newestVersion(checkModel, { signal });
  if (version === null)
    return { externalId: null, statusCode: null, problem: `the model ${checkModel} has no version` };
  const input = { webhook_url: url, timeout_seconds: checkSeconds };
  const { id } = await client.create(`${checkModel}:${version}`, input, null, { signal });
  for (let look = 0; look < checkLooks; look++) {
    const prediction = await client.prediction(id, { signal });
    if (prediction && isOver(prediction)) return { externalId: id, ...outcomeOf(prediction) };
    await delay(lookMs, undefined, { signal });
  }
  await client.cancel(id);
  return { externalId: id, statusCode: null, problem: "Replicate did not come to it within a minute" };
}

/** The model answers an object, or its JSON as text. */
function outcomeOf({ status, output, error }: Prediction): Omit<CallBack, "externalId"> {
  const told = typeof output === "string" ? jsonOf(output) : output;
  const fields = (typeof told === "object" && told !== null ? told : {}) as Record<string, unknown>;
  const statusCode = typeof fields["status_code"] === "number" ? fields["status_code"] : null;
  if (status !== "succeeded")
    return { statusCode, problem: typeof error === "string" ? error : "the check failed" };
  if (fields["success"] === true) return { statusCode, problem: null };
  const why = fields["error"];
  return {
    statusCode,
    problem: typeof why === "string" && why !== "" ? why.slice(0, 300) : "it was not reached",
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
