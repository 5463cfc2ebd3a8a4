import type { RequestListener } from "node:http";
import { join } from "node:path";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { onBehalfOf } from "../db/event-origin.ts";
import { packageRoot, packageVersion } from "../config/package-files.ts";
import { errorAnswer } from "../http/errors.ts";
import { type AllHandlers, jsonResponse, mountApi, type NodeApp } from "../http/mount-api.ts";
import { currentCorrelationId } from "../http/request-scope.ts";
import { limitRequests } from "../http/limit-requests.ts";
import { mountWeb } from "../http/static-web.ts";
import type { AppOptions } from "./app-options.ts";
import type { Parts } from "./open-parts.ts";

/** Answers the API and the web UI. */
export function webListener(
  options: AppOptions,
  parts: Pick<
    Parts,
    "authenticate" | "ownPages" | "accessWatch" | "denials" | "clientAddress" | "limits" | "log"
  >,
  handlers: AllHandlers,
  stopping: AbortSignal,
): RequestListener {
  const app: NodeApp = new Hono<{ Bindings: HttpBindings }>();
  limitRequests(app, parts);
  mountApi(app, {
    ...parts,
    onBehalfOf,
    handlers,
    log: options.log,
    stopping,
    checkAnswers: options.checkAnswers,
  });
  app.all("/api/*", (context) => {
    const { status, body } = errorAnswer(
      fail("not_found", { path: context.req.path }),
      currentCorrelationId(),
      options.log,
    );
    return jsonResponse(JSON.stringify(body), status);
  });
  mountWeb(app, {
    folder: join(packageRoot(), "dist", "web"),
    version: packageVersion(),
    accessToken: options.accessToken,
  });
  return getRequestListener(app.fetch, { overrideGlobalObjects: false });
}
