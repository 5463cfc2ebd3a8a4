import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { OpenedSession } from "../services/handler.ts";
import { headerSecretOf, sessionCookie } from "./authenticate.ts";

/** Header that repeats what the cookie {@link csrfCookie} holds: another site's page can send the cookie, not read it. */
const csrfHeader = "x-csrf-token";
const csrfCookie = "csrf_token";

/** What telling our own pages from others needs. */
export interface OwnPagesOptions {
  /** How people reach this server; null when nothing was configured. */
  publicUrl: string | null;
  /** A token bound to a session, so that no other site can plant one. */
  csrfToken: (sessionId: string) => string;
  /** Whether it is the session's, also when another key made it before. */
  isCsrfToken: (sessionId: string, token: string) => boolean;
}

/** Hands out session cookies, and takes changes only from pages of this server. */
export function ownPages({ publicUrl, csrfToken, isCsrfToken }: OwnPagesOptions) {
  const publicAddress = publicUrl === null ? null : new URL(publicUrl);
  const isEncrypted = (request: IncomingMessage): boolean =>
    (request.socket as Partial<TLSSocket>).encrypted === true ||
    (publicAddress?.protocol === "https:" && request.headers.host === publicAddress.host);
  return {
    /** The cookies of a session; null deletes them. */
    cookiesOf(request: IncomingMessage, session: OpenedSession | null): string[] {
      const age = session === null ? 0 : session.maxAgeSeconds;
      const life = age === null ? "" : `; Max-Age=${age}`;
      const rest = `Path=/; SameSite=Lax${isEncrypted(request) ? "; Secure" : ""}${life}`;
      return [
        `${sessionCookie}=${session?.token ?? ""}; HttpOnly; ${rest}`,
        `${csrfCookie}=${session === null ? "" : csrfToken(session.id)}; ${rest}`,
      ];
    },
    /** Throws unless a request that changes something comes from a page of this server, or from no browser at all. */
    refuseOthers(request: IncomingMessage, caller: Caller | null): void {
      const { origin, host } = request.headers;
      const sameHost = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
      if (!sameHost && origin !== publicAddress?.origin) throw fail("origin_not_allowed", { origin });
      const site = request.headers["sec-fetch-site"];
      if (site === "cross-site" || site === "same-site")
        throw fail("origin_not_allowed", { origin: origin ?? "another site" });
      if (caller?.credential?.kind !== "session" || headerSecretOf(request) !== null) return;
      const given = request.headers[csrfHeader];
      if (typeof given !== "string" || !isCsrfToken(caller.credential.id, given)) throw fail("csrf_refused");
    },
  };
}

/** See {@link ownPages}. */
export type OwnPages = ReturnType<typeof ownPages>;
