import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { addressMatcher } from "../domain/address-ranges.ts";
import { clientAddressReader } from "./client-address.ts";

const read = clientAddressReader(addressMatcher(["127.0.0.0/8", "::1", "10.1.0.0/16"]));
const from = (peer: string, headers: Record<string, string> = {}): string =>
  read({ socket: { remoteAddress: peer }, headers } as unknown as IncomingMessage);

test("whoever is at the other end is believed, and what they write only where they are a trusted proxy", () => {
  assert.equal(from("203.0.113.9"), "203.0.113.9");
  assert.equal(from("::ffff:203.0.113.9"), "203.0.113.9");
  assert.equal(
    from("203.0.113.9", { "x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1" }),
    "203.0.113.9",
  );
  assert.equal(from("127.0.0.1", { "x-forwarded-for": "198.51.100.1" }), "198.51.100.1");
  assert.equal(from("127.0.0.1", { "x-real-ip": "198.51.100.2" }), "198.51.100.2");
  assert.equal(from("127.0.0.1"), "127.0.0.1");
});

test("of several, the last that is no proxy of ours counts, whatever the client put before it", () => {
  const forwarded = (list: string): string => from("10.1.2.3", { "x-forwarded-for": list });
  assert.equal(forwarded("1.1.1.1, 198.51.100.1, 10.1.9.9"), "198.51.100.1");
  assert.equal(forwarded("127.0.0.1, 198.51.100.1"), "198.51.100.1");
  assert.equal(forwarded("10.1.0.1, 10.1.0.2"), "10.1.0.1");
  assert.equal(forwarded("198.51.100.1, unknown"), "10.1.2.3");
  assert.equal(forwarded("2001:db8::7, ::1"), "2001:db8::7");
});
