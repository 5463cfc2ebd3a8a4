import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/** The address of whoever made a request. */
export type ClientAddress = (request: IncomingMessage) => string;

/**
 * Who made a request, as far as it can be known: the other end of the connection, or, where that is a trusted proxy,
 * the last address in `X-Forwarded-For` (else `X-Real-IP`) that is none. What anybody else writes into these headers is
 * not believed. IPv4 addresses come without their IPv6 dress.
 */
export function clientAddressReader(isTrusted: (address: string) => boolean): ClientAddress {
  return ({ socket, headers }) => {
    const peer = plain(socket.remoteAddress ?? "");
    if (!isTrusted(peer)) return peer;
    const forwarded = [headers["x-forwarded-for"] ?? ""].flat().join(",").split(",");
    const named = forwarded.map(plain).filter((address) => address !== "");
    if (named.length === 0) named.push(plain([headers["x-real-ip"] ?? ""].flat().at(-1) ?? ""));
    for (const address of named.toReversed()) {
      // A name that is no address ends what can be known.
      if (isIP(address) === 0) return peer;
      if (!isTrusted(address)) return address;
    }
    return named[0] ?? peer;
  };
}

function plain(address: string): string {
  return address.trim().replace(/^::ffff:(?=\d+\.)/i, "");
}
