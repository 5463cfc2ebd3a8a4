/** A reader that falls this far behind is cut off; it resumes by its last id and misses nothing. */
const longestQueue = 10_000;

/** Hands items from a pusher to one async reader in order; ends when closed or when the reader falls behind. */
export function messageQueue<Item>() {
  const items: Item[] = [];
  let wake: (() => void) | null = null;
  let closed = false;
  const signal = (): void => {
    wake?.();
    wake = null;
  };
  return {
    push(item: Item): void {
      if (closed) return;
      if (items.length >= longestQueue) closed = true;
      else items.push(item);
      signal();
    },
    close(): void {
      closed = true;
      signal();
    },
    async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
      for (;;) {
        while (items.length > 0) yield items.shift() as Item;
        if (closed) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
