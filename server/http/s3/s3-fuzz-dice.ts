import { createHash } from "node:crypto";

/** Random choices that follow from a seed and an index alone. */
export interface Dice {
  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number;
  chance(probability: number): boolean;
  /** One of a list that is not empty. */
  pick<Value>(list: readonly Value[]): Value;
  bytes(length: number): Buffer;
}

/** Dice for the request with this number (mulberry32, started from a hash of both numbers). */
export function diceFor(seed: number, index: number): Dice {
  let state = createHash("sha256").update(`${seed}/${index}`).digest().readUInt32LE();
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    chance: (probability) => next() < probability,
    pick<Value>(list: readonly Value[]) {
      return list[below(list.length)] as Value;
    },
    bytes(length) {
      const bytes = Buffer.alloc(length);
      for (let at = 0; at < length; at += 4) {
        const word = Math.floor(next() * 4_294_967_296);
        for (let byte = 0; byte < 4 && at + byte < length; byte++)
          bytes[at + byte] = (word >>> (8 * byte)) & 0xff;
      }
      return bytes;
    },
  };
}

/** `text` with a few characters changed, removed, doubled or put in; one character is one byte. */
export function scrambled(dice: Dice, text: string): string {
  let changed = text;
  for (let times = 1 + dice.below(3); times > 0; times--) {
    const at = dice.below(changed.length + 1);
    const odd = dice.pick(oddPieces);
    const length = dice.below(4);
    switch (dice.below(5)) {
      case 0:
        changed = changed.slice(0, at) + odd + changed.slice(at);
        break;
      case 1:
        changed = changed.slice(0, at) + odd + changed.slice(at + 1);
        break;
      case 2:
        changed = changed.slice(0, at) + changed.slice(at + length);
        break;
      case 3:
        changed = changed.slice(0, at) + changed.slice(Math.max(0, at - length));
        break;
      default:
        changed = changed.slice(0, at) + String.fromCharCode(dice.below(256)) + changed.slice(at + 1);
    }
  }
  return changed;
}

/** What parsers stumble over. */
const oddPieces = [
  "%00",
  "%",
  "%zz",
  "%2e%2e%2f",
  "../",
  "..%5c",
  "\\",
  "//",
  "/./",
  "%c0%af",
  "%ff",
  "%ED%A0%80",
  "%252e%252e%252f",
  "%0d%0aX-Evil:%201",
  "\u00ff",
  "\u0000",
  "+",
  "&",
  "=",
  "?",
  "#",
  ";",
  ",",
  '"',
  "'",
  "<",
  ">",
  "*",
  " ",
  "\t",
  "-1",
  "0",
  "99999999999999999999",
  "1e9",
  "NaN",
  "%F0%9F%8E%88",
  "a".repeat(300),
  "%E2%80%AE",
] as const;
