import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import { fail, type Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { CountedRequest, RequestLimits, Verdict } from "../services/request-limits.ts";
import { type Authenticate, isLocal, proofOf } from "./authenticate.ts";
import type { ClientAddress } from "./client-address.ts";
import { errorAnswer } from "./errors.ts";
import { jsonResponse, type NodeApp } from "./mount-api.ts";
import { currentCorrelationId } from "./request-scope.ts";

/** What limiting the requests of an application needs. */
export interface LimitRequestsOptions {
  limits: RequestLimits;
  authenticate: Authenticate;
  clientAddress: ClientAddress;
  log: Logger;
}

/**
 * Puts the limits before every route: what is over its limit is answered with 429 and when to come again, and everything
 * that was counted tells how much is left. The path is the one that routes are found by, so that no way of writing an
 * address gets around its rule.
 */
export function limitRequests(app: NodeApp, options: LimitRequestsOptions): void {
  const { limits, authenticate, log } = options;
  app.use("*", async (context, next) => {
    const { incoming, outgoing } = context.env;
    const { method, path } = context.req;
    const rule = limits.passesLocal && isLocal(incoming) ? null : limits.ruleOf(method, path);
    if (rule === null) return next();
    const asksWho = rule.countsBy === "caller" && proofOf(incoming) !== null;
    // A credential that is refused is told so by the route; here it only proves nothing.
    const caller = asksWho ? await authenticate(incoming).catch(() => null) : null;
    const verdict = await limits.check(rule, {
      ...seenOf(incoming, options.clientAddress),
      method,
      path,
      caller,
    });
    setLimitHeaders(outgoing, verdict);
    const refusal = refusalOf(verdict);
    if (refusal === null) return next();
    const { status, body } = errorAnswer(refusal, currentCorrelationId(), log);
    return jsonResponse(JSON.stringify(body), status);
  });
}

/** What of a request says where it comes from. */
export function seenOf(
  incoming: IncomingMessage,
  clientAddress: ClientAddress,
): Pick<CountedRequest, "address" | "userAgent"> {
  return { address: clientAddress(incoming), userAgent: incoming.headers["user-agent"] ?? "" };
}

/** Tells how far from the limit a request was, and when to come again after one that was refused (CONTRACT 0.3). */
export function setLimitHeaders(response: ServerResponse, verdict: Verdict): void {
  if (verdict.kind === "counted") {
    response.setHeader("x-ratelimit-limit", verdict.limit);
    response.setHeader("x-ratelimit-remaining", verdict.remaining);
    response.setHeader("x-ratelimit-reset", Math.ceil((Date.now() + verdict.resetMs) / 1_000));
  }
  const retrySeconds = retrySecondsOf(verdict);
  if (retrySeconds !== null) response.setHeader("retry-after", retrySeconds);
}

/** In how many seconds a refused request may come again; null for one that is not refused. */
export function retrySecondsOf(verdict: Verdict): number | null {
  if (verdict.kind === "unchecked" || (verdict.kind === "counted" && verdict.allowed)) return null;
  return Math.max(1, Math.ceil(verdict.retryMs / 1_000));
}

/** Why a request is refused, in the words of the product; null for one that is not. */
export function refusalOf(verdict: Verdict): Failure | null {
  const retrySeconds = retrySecondsOf(verdict);
  if (retrySeconds === null) return null;
  if (verdict.kind !== "counted")
    return fail("rate_limits_unavailable", { retry_after_seconds: retrySeconds });
  return fail("rate_limit_exceeded", {
    limit: verdict.limit,
    window_seconds: verdict.windowMs / 1_000,
    retry_after_seconds: retrySeconds,
  });
}
