import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addressKind, addressMatcher, isAddressRange } from "./address-ranges.ts";

describe("addresses", () => {
  test("are public only where anybody on the internet may be", () => {
    const kinds = {
      public: [
        "8.8.8.8",
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
      ],
      private: [
        "127.0.0.1",
        "127.255.255.254",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "::1",
        "fc00::1",
        "fd12:3456::1",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "0:0:0:0:0:ffff:c0a8:1",
        "64:ff9b::a00:1",
        "64:ff9b::10.0.0.1",
      ],
      reserved: [
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "192.0.0.8",
        "192.0.2.1",
        "198.19.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::127.0.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "2002:7f00:1::",
        "64:ff9b:1::1",
        "100::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "::ffff:0.0.0.0",
        "not an address",
        "010.0.0.1",
      ],
    };
    for (const [kind, addresses] of Object.entries(kinds))
      for (const address of addresses) assert.equal(addressKind(address), kind, address);
  });

  test("match ranges of their own family, IPv4 in its mapped form too", () => {
    const matches = addressMatcher(["10.0.0.0/8", "1.2.3.4", "2001:db8::/32"]);
    for (const address of ["10.9.9.9", "::ffff:10.9.9.9", "1.2.3.4", "2001:db8:1::5"])
      assert.ok(matches(address), address);
    for (const address of ["11.0.0.1", "1.2.3.5", "2001:db9::1", "", "10.0.0.0/8"])
      assert.ok(!matches(address), address);
    assert.ok(!addressMatcher([])("1.2.3.4"));
  });

  test("and ranges are written without doubt", () => {
    for (const range of ["10.0.0.0/8", "1.2.3.4", "0.0.0.0/0", "::/0", "2001:db8::1/128"])
      assert.ok(isAddressRange(range), range);
    for (const range of [
      "10.0.0.0/33",
      "010.1.1.1",
      "10.0.0",
      "::1/129",
      "fe80::1%eth0",
      "1.2.3.4/8/8",
      "1.2.3.4/",
      "",
    ])
      assert.ok(!isAddressRange(range), range);
  });
});
