import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";

/** What is compared of a name or an address: upper and lower case and the forms of one letter are the same. */
export function nameKey(text: string): string {
  return text.trim().normalize("NFKC").toLowerCase();
}

/** Under what failed attempts of a name are counted, whether or not there is such a user. */
export function nameSubject(key: string): string {
  return subject("name", key);
}

/** Under what failed attempts from a network address are counted. */
export function addressSubject(address: string): string {
  return subject("address", countedAddress(address));
}

/** What requests from an address are counted by: an IPv6 user has a whole /64 to choose from, written `2001:db8:0:1`. */
export function countedAddress(address: string): string {
  return isIPv6(address) ? networkOf(address) : address;
}

/** The first four groups of an IPv6 address, all eight spelled out before. */
function networkOf(address: string): string {
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? [];
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  // An IPv4 ending stands for two groups.
  const groups = first.length + last.length + (address.includes(".") ? 1 : 0);
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - groups) }, () => "0");
  return [...first, ...zeros, ...last]
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ""))
    .join(":");
}

function subject(kind: string, text: string): string {
  return createHash("sha256").update(`${kind}:${text}`).digest("hex");
}
