import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestLimits } from "../../services/request-limits.ts";
import { isLocal } from "../authenticate.ts";
import type { ClientAddress } from "../client-address.ts";
import { refusalOf, retrySecondsOf, seenOf, setLimitHeaders } from "../limit-requests.ts";
import { S3Error } from "./s3-errors.ts";
import type { S3Rates } from "./s3-handler.ts";

/**
 * Limits the storage endpoint. Who proves nothing is counted by address; a live credential is counted by what it stands
 * for, once for each object that is begun: a checkpoint of a thousand parts is one, and reading is free. Refusals are
 * S3's own SlowDown, which its clients wait and try again after.
 */
export function storageRates({
  limits,
  clientAddress,
}: {
  limits: RequestLimits;
  clientAddress: ClientAddress;
}): S3Rates {
  const count = async (
    message: IncomingMessage,
    response: ServerResponse,
    credential?: { client: string; jobId: string | null },
  ): Promise<void> => {
    if (limits.passesLocal && isLocal(message)) return;
    const { method = "GET", url = "" } = message;
    const path = pathOf(url);
    const rule = limits.storageRule(method, path);
    if (rule === null) return;
    const seen = { ...seenOf(message, clientAddress), method, path, caller: null };
    const verdict = await limits.check(rule, { ...seen, ...(credential && { credential }) });
    setLimitHeaders(response, verdict);
    const refusal = refusalOf(verdict);
    if (refusal !== null)
      throw new S3Error("SlowDown", refusal.message, { "Retry-After": String(retrySecondsOf(verdict)) });
  };
  return {
    onStranger: (message, response) => count(message, response),
    onUpload: (message, response, by) => count(message, response, by),
  };
}

/** The path of a request target, decoded where it can be. */
function pathOf(target: string): string {
  const [path = ""] = target.replace(/^https?:\/\/[^/?]*/i, "").split("?", 1);
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
