/**
 * Names of one folder, sorted by their UTF-8 bytes. They are sorted in short runs as they arrive and merged while
 * they are read, so a folder of a million files never stops the event loop for a second.
 */
export interface SortedNames {
  add(name: string): void;
  /** Every added name once, in byte order; the collection is used up afterwards. */
  drain(): Generator<string, void, undefined>;
}

/** Makes an empty collection; `runLength` names are sorted at a time. */
export function sortedNames(runLength = 8192): SortedNames {
  const runs: string[][] = [];
  let open: string[] = [];
  let openHasSurrogates = false;

  const closeRun = (): void => {
    if (open.length === 0) return;
    // The built-in order is by UTF-16 unit: the same as byte order, and faster, while no surrogate pair is present.
    if (openHasSurrogates) open.sort(compareUtf8);
    else open.sort();
    runs.push(open);
    open = [];
    openHasSurrogates = false;
  };

  return {
    add(name) {
      open.push(name);
      openHasSurrogates ||= /[\ud800-\udfff]/.test(name);
      if (open.length === runLength) closeRun();
    },
    drain() {
      closeRun();
      return merge(runs);
    },
  };
}

/** Order of two strings by their UTF-8 bytes; negative, zero or positive as `Array.sort` wants it. */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) {
    const a = left.charCodeAt(at);
    const b = right.charCodeAt(at);
    if (a === b) continue;
    // A surrogate is half of a character above U+FFFF, whose bytes sort after those of every other character.
    const aIsHigh = a >= 0xd800 && a <= 0xdfff;
    const bIsHigh = b >= 0xd800 && b <= 0xdfff;
    if (aIsHigh !== bIsHigh) return aIsHigh ? 1 : -1;
    return a - b;
  }
  return left.length - right.length;
}

interface Cursor {
  run: string[];
  at: number;
  name: string;
}

function* merge(runs: string[][]): Generator<string, void, undefined> {
  if (runs.length === 1) return yield* runs[0] ?? [];
  const heap: Cursor[] = [];
  for (const run of runs) {
    const name = run[0];
    if (name !== undefined) heap.push({ run, at: 0, name });
  }
  for (let at = (heap.length >> 1) - 1; at >= 0; at -= 1) sink(heap, at);
  for (let first = heap[0]; first !== undefined; first = heap[0]) {
    yield first.name;
    first.at += 1;
    const next = first.run[first.at];
    if (next !== undefined) first.name = next;
    else {
      const last = heap.pop();
      if (last !== undefined && last !== first) heap[0] = last;
    }
    sink(heap, 0);
  }
}

function sink(heap: Cursor[], start: number): void {
  let at = start;
  const moving = heap[at];
  if (moving === undefined) return;
  for (;;) {
    let childAt = 2 * at + 1;
    let child = heap[childAt];
    if (child === undefined) break;
    const sibling = heap[childAt + 1];
    if (sibling !== undefined && compareUtf8(sibling.name, child.name) < 0) {
      childAt += 1;
      child = sibling;
    }
    if (compareUtf8(moving.name, child.name) <= 0) break;
    heap[at] = child;
    at = childAt;
  }
  heap[at] = moving;
}
