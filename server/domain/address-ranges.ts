import { BlockList, isIP } from "node:net";

/** True for an address such as `1.2.3.4` or a range such as `10.0.0.0/8`, of either family, without a zone. */
export function isAddressRange(text: string): boolean {
  const [address = "", prefix, ...more] = text.split("/");
  const longest = isIP(address) === 4 ? 32 : 128;
  const fits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= longest);
  return isIP(address) !== 0 && fits && more.length === 0 && !address.includes("%");
}

/**
 * Whether an address lies in one of the ranges, each an {@link isAddressRange}. An IPv4 address is the same in its
 * IPv4-mapped form, as sockets report it.
 */
export function addressMatcher(ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", prefix] = range.split("/");
    const family = isIP(address) === 4 ? "ipv4" : "ipv6";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return (address) => {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
    const version = isIP(plain);
    return version !== 0 && list.check(plain, version === 4 ? "ipv4" : "ipv6");
  };
}

/** Addresses of this machine and of networks that are not the internet (RFC 6890 and its registries). */
const ofThisNetwork = addressMatcher([
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "::1",
  "fc00::/7",
]);

/** What is never a service on the internet: this host, link-local (a cloud's metadata), documentation, multicast, reserved. */
const ofNobody = addressMatcher([
  "0.0.0.0/8",
  "169.254.0.0/16",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
]);

/** Global unicast of IPv6, and what of it is set aside: Teredo and other protocols, documentation, 6to4. */
const globalSix = addressMatcher(["2000::/3"]);
const setAsideSix = addressMatcher(["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]);
/** IPv6 addresses that stand for the IPv4 address in their last 32 bits: mapped, and through NAT64. */
const standsForFour = addressMatcher(["::ffff:0:0/96", "64:ff9b::/96"]);

/** What an address is: on the internet, in a private network or this machine, or nothing that anybody should call. */
export function addressKind(address: string): "public" | "private" | "reserved" {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");
  const version = isIP(plain);
  if (version === 0) return "reserved";
  if (version === 6 && standsForFour(plain)) return addressKind(lastFourBytes(plain));
  if (ofThisNetwork(plain)) return "private";
  if (version === 4) return ofNobody(plain) ? "reserved" : "public";
  return globalSix(plain) && !setAsideSix(plain) ? "public" : "reserved";
}

/** The IPv4 address in the last 32 bits of an IPv6 address. */
function lastFourBytes(address: string): string {
  // A URL writes every IPv6 address in hexadecimal groups, the zeros in its middle left out.
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1).split(":");
  const [high = "0", low = "0"] = groups.slice(-2);
  const bytes = (group: string) => {
    const value = Number.parseInt(group || "0", 16);
    return [value >> 8, value & 0xff];
  };
  return [...bytes(high), ...bytes(low)].join(".");
}
