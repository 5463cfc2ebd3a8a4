import assert from "node:assert/strict";
import { test } from "node:test";
import { addressSubject, nameKey, nameSubject } from "./account-names.ts";
import { apiKeyPrefix, looksLikeApiKey, newApiKey, newToken, tokenHash } from "./secret-token.ts";

test("a name is the same however it is typed", () => {
  assert.equal(nameKey(" Ada@Example.ORG "), nameKey("ａｄａ@example.org"));
  assert.notEqual(nameSubject("ada"), addressSubject("ada"));
});

test("addresses count alone, IPv6 ones with their network", () => {
  assert.notEqual(addressSubject("192.0.2.1"), addressSubject("192.0.2.2"));
  const network = addressSubject("2001:db8:0:7::1");
  for (const same of [
    "2001:0DB8:0000:7:ffff::",
    "2001:db8::7:1:2:3:4",
    "2001:db8:0:7:1:2:3:4",
    "2001:db8:0:7::%eth0",
  ])
    assert.equal(addressSubject(same), network, same);
  for (const other of ["2001:db8:0:8::1", "::1", "2001:db8::7", "64:ff9b::192.0.2.1"])
    assert.notEqual(addressSubject(other), network, other);
  assert.equal(addressSubject("::1"), addressSubject("::2"));
});

test("keys have the form the contract names, and differ", () => {
  const keys = Array.from({ length: 200 }, newApiKey);
  assert.equal(new Set(keys).size, 200);
  for (const key of keys) assert.ok(looksLikeApiKey(key), key);
  assert.match(apiKeyPrefix(keys[0] ?? ""), /^st_\w{8}$/);
  for (const wrong of ["", "st_", `st_${"a".repeat(31)}`, `st_${"a".repeat(33)}`, `xx_${"a".repeat(32)}`])
    assert.ok(!looksLikeApiKey(wrong), wrong);
  assert.equal(Buffer.from(newToken(), "base64url").length, 32);
  assert.match(tokenHash("a"), /^[0-9a-f]{64}$/);
});
