import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import { type Credentials, singleUser } from "../services/credentials.ts";

/**
 * Who a request comes from; null when it proves nothing. With `isSignOfLife` false it is only looked at: a stream that
 * stays open does not keep a session alive.
 */
export type Authenticate = (request: IncomingMessage, isSignOfLife?: boolean) => Promise<Caller | null>;

/** Headers that a proxy or a tunnel adds: with one of them, a loopback peer only passes somebody else on. */
const forwardingHeaders = [
  "x-forwarded-for",
  "x-forwarded-host",
  "x-real-ip",
  "forwarded",
  "cf-connecting-ip",
  "via",
];

/** Cookie of a session, and in single-user mode of a browser that opened the page with the access token. */
export const sessionCookie = "simpletuner_session";

/**
 * While nobody has an account, whoever sits at this machine is its user; from the first administrator on everybody has
 * to sign in. A key or token in a header decides alone, so that a wrong one is never covered by a cookie.
 */
export function requestAuthenticator(credentials: Credentials, accessToken: string): Authenticate {
  const single = singleUserAuthenticator(accessToken);
  return async (request, isSignOfLife = true) => {
    if (!(await credentials.hasAccounts())) return single(request);
    const header = headerSecretOf(request);
    if (header !== null) return credentials.byHeader(header, isSignOfLife);
    const cookie = cookieOf(request, sessionCookie);
    return cookie === null ? null : credentials.bySession(cookie, isSignOfLife);
  };
}

/** Asks who sent a request once, whoever wants to know; looking at it again later is a question of its own. */
export function askedOnce(authenticate: Authenticate): Authenticate {
  const known = new WeakMap<IncomingMessage, ReturnType<Authenticate>>();
  return (request, isSignOfLife = true) => {
    if (!isSignOfLife) return authenticate(request, false);
    let answer = known.get(request);
    if (!answer) known.set(request, (answer = authenticate(request)));
    return answer;
  };
}

/**
 * Single-user mode. The user is believed only of a request from a loopback address to a loopback name that no proxy
 * passed on, so neither a tunnel, nor another site's name pointed here, nor a neighbour on the network gets in; they
 * need the access token printed at start.
 */
function singleUserAuthenticator(accessToken: string) {
  return (request: IncomingMessage): Caller | null => {
    if (isLocal(request)) return singleUser;
    const given = proofOf(request);
    return given !== null && equal(given, accessToken) ? singleUser : null;
  };
}

/** The secret that came along, in a header or as the session cookie; null without one. */
export function proofOf(request: IncomingMessage): string | null {
  return headerSecretOf(request) ?? cookieOf(request, sessionCookie);
}

/** True for a request made on this machine, to this machine. */
export function isLocal(request: IncomingMessage): boolean {
  if (forwardingHeaders.some((name) => request.headers[name] !== undefined)) return false;
  return isLoopbackAddress(request.socket.remoteAddress ?? "") && isLoopbackName(request.headers.host ?? "");
}

/** True for 127.0.0.0/8, ::1 and their IPv4-mapped forms. */
export function isLoopbackAddress(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}

/** True for a Host header that names this machine to itself. */
export function isLoopbackName(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host);
}

/** Compares two secrets in constant time. */
export function equal(left: string, right: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

/** The key or token of a header; null without one. An S3 signature is none. */
export function headerSecretOf(request: IncomingMessage): string | null {
  const header = request.headers.authorization;
  if (header?.startsWith("Bearer ")) return header.slice(7).trim();
  const key = request.headers["x-api-key"];
  return typeof key === "string" ? key : null;
}

function cookieOf(request: IncomingMessage, name: string): string | null {
  for (const part of request.headers.cookie?.split(";") ?? []) {
    const [key, value] = part.trim().split("=", 2);
    if (key === name && value !== undefined) return value;
  }
  return null;
}
