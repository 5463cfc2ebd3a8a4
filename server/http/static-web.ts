import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { extname, join, normalize, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { equal, sessionCookie } from "./authenticate.ts";
import type { NodeApp } from "./mount-api.ts";
import { openApi } from "./openapi.ts";
import { referencePage, referenceStyle } from "./reference-page.ts";

/** What serving the web UI needs. */
export interface StaticWebOptions {
  /** Folder of the built web UI. */
  folder: string;
  version: string;
  accessToken: string;
}

/** No script or style of another origin, none inline, no framing. Images may be blobs the page made itself. */
const contentSecurityPolicy =
  "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const pageHeaders = {
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "strict-origin-when-cross-origin",
  "permissions-policy": "geolocation=(), microphone=(), camera=()",
};

const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".map": "application/json",
  ".woff2": "font/woff2",
};

/** Serves the web UI, the API description and its reference page. Any other path is the UI's own address. */
export function mountWeb(app: NodeApp, options: StaticWebOptions): void {
  const page = (type: string, make: () => string) => () =>
    new Response(make(), { headers: { ...pageHeaders, "content-type": type } });
  app.get(
    "/openapi.json",
    page("application/json", () => JSON.stringify(openApi(options.version))),
  );
  app.get(
    "/docs",
    page("text/html; charset=utf-8", () => referencePage(options.version)),
  );
  app.get(
    "/docs/style.css",
    page("text/css; charset=utf-8", () => referenceStyle),
  );
  app.get("*", async (context) => {
    const given = context.req.query("access_token");
    if (given !== undefined && equal(given, options.accessToken)) return enter(given);
    const file = await fileFor(options.folder, context.req.path);
    if (!file) return new Response("Not found", { status: 404, headers: pageHeaders });
    const hashed = context.req.path.startsWith("/assets/");
    const headers = {
      ...pageHeaders,
      "content-type": types[extname(file.path)] ?? "application/octet-stream",
      "content-length": String(file.size),
      "cache-control": hashed ? "public, max-age=31536000, immutable" : "no-cache",
    };
    const { outgoing } = context.env;
    outgoing.writeHead(200, headers);
    await pipeline(createReadStream(file.path), outgoing).catch(() => undefined);
    return RESPONSE_ALREADY_SENT;
  });
}

/** Trades the token in the link for a cookie, so that it does not stay in the address bar. */
function enter(token: string): Response {
  return new Response(null, {
    status: 302,
    headers: {
      ...pageHeaders,
      location: "/",
      "set-cookie": `${sessionCookie}=${encodeURIComponent(token)}; HttpOnly; SameSite=Strict; Path=/; Max-Age=86400`,
    },
  });
}

async function fileFor(folder: string, requestPath: string): Promise<{ path: string; size: number } | null> {
  const asked = normalize(join(folder, decodePath(requestPath)));
  const inside = asked.startsWith(folder + sep);
  const found = inside ? await stat(asked).catch(() => null) : null;
  if (found?.isFile()) return { path: asked, size: found.size };
  // A missing file must not be answered with the page; below its folders the page's own addresses may hold dots.
  if (/^\/(api|assets)\/|^\/[^/]*\.[^/]*$/.test(requestPath)) return null;
  const index = join(folder, "index.html");
  const page = await stat(index).catch(() => null);
  return page ? { path: index, size: page.size } : null;
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path).replaceAll("\0", "");
  } catch {
    return "/";
  }
}

/** True when the web UI was built. */
export async function webIsBuilt(folder: string): Promise<boolean> {
  return readFile(join(folder, "index.html")).then(
    () => true,
    () => false,
  );
}
