import { checkMessage, type StateListener } from "./state.ts";

/** Who listens in this process, by channel. */
export function listeners() {
  const channels = new Map<string, Set<StateListener>>();
  return {
    /** Adds a listener; the answer takes it away again and tells whether the channel has none any more. */
    add(channel: string, hear: StateListener): () => boolean {
      const hears = channels.get(channel) ?? new Set();
      channels.set(channel, hears.add(hear));
      return () => {
        hears.delete(hear);
        if (hears.size > 0) return false;
        if (channels.get(channel) === hears) channels.delete(channel);
        return true;
      };
    },
    tell(channel: string, message: string): void {
      for (const hear of channels.get(channel) ?? []) hear(message);
    },
    /** Tells everybody that messages may have been missed. */
    tellOfGap(): void {
      for (const hears of channels.values()) for (const hear of hears) hear(null);
    },
  };
}

/** See {@link listeners}. */
export type Listeners = ReturnType<typeof listeners>;

/** Messages within this process; they come after what sent them has gone on. */
export function ownMessages() {
  const heard = listeners();
  return {
    async publish(channel: string, message: string): Promise<void> {
      checkMessage(message);
      setImmediate(() => heard.tell(channel, message));
    },
    async subscribe(channel: string, hear: StateListener): Promise<() => Promise<void>> {
      const remove = heard.add(channel, hear);
      return async () => void remove();
    },
  };
}
