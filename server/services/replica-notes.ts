import { longestMessage, type StateStore } from "../adapters/state/state.ts";

/**
 * What a replica tells the others to look at. Nothing of it is the truth, which lies in the database: a note may come
 * late, twice, or be missed.
 */
export interface Note {
  /** Something was written to the event log. */
  events?: true;
  /** Jobs whose progress has changed without an event. */
  progress?: string[];
  /** Jobs whose log has grown. */
  logs?: string[];
  /** Jobs whose log somebody reads as it grows. */
  readers?: string[];
  /** Deliveries that are further than they were. */
  deliveries?: string[];
  /** Runs that a provider tells of. */
  heard?: HeardRun[];
  /** Somebody wants to see the runs as they are now. */
  refresh?: true;
  /** Replicas came or went. */
  members?: true;
}

/** A run that its provider told of, with its state there. */
export interface HeardRun {
  provider: string;
  externalId: string;
  status: string;
}

/** Notes that come together travel together. */
const gatherMs = 25;
const subscribeAgainMs = 1_000;
/** Entries of one message: an id takes 39 bytes. */
const entriesOfMessage = Math.floor((longestMessage - 200) / 120);

/** What sending and hearing notes needs. */
export interface ReplicaNoteOptions {
  state: Pick<StateStore, "publish" | "subscribe">;
  /** This replica's id. */
  self: string;
  /** Hears the others; null: something may have been missed. */
  hear: (note: Note | null) => void;
  onError: (error: unknown) => void;
  stopping: AbortSignal;
}

/** Passes notes between replicas over the shared state. */
export function replicaNotes({ state, self, hear, onError, stopping }: ReplicaNoteOptions) {
  let gathered = new Gathered();
  let timer: NodeJS.Timeout | undefined;
  let silent = false;
  const send = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const messages = gathered.messages();
    gathered = new Gathered();
    const sent = messages.map((note) => state.publish("notes", JSON.stringify({ from: self, note })));
    await Promise.all(sent).then(
      () => (silent = false),
      (error: unknown) => {
        // Told once; what was not told is found by looking.
        if (!silent) onError(error);
        silent = true;
      },
    );
  };
  const listen = async (): Promise<void> => {
    const unsubscribe = await state.subscribe("notes", (message) => {
      if (stopping.aborted) return;
      if (message === null) return hear(null);
      const { from, note } = JSON.parse(message) as { from: string; note: Note };
      if (from !== self) hear(note);
    });
    stopping.addEventListener("abort", () => void unsubscribe().catch(onError), { once: true });
    // What was sent before is known to nobody here.
    hear(null);
  };
  const keepListening = (): void => {
    if (stopping.aborted) return;
    listen().catch((error: unknown) => {
      onError(error);
      setTimeout(keepListening, subscribeAgainMs).unref();
    });
  };
  keepListening();
  return {
    /** Tells the others, soon. */
    tell(note: Note): void {
      gathered.add(note);
      timer ??= setTimeout(() => void send(), gatherMs).unref();
    },
    /** Tells what is gathered now. */
    flush: send,
  };
}

/** See {@link replicaNotes}. */
export type ReplicaNotes = ReturnType<typeof replicaNotes>;

const idNames = ["progress", "logs", "readers", "deliveries"] as const;

/** Notes of a moment, each thing once. */
class Gathered {
  readonly #flags = new Set<"events" | "members" | "refresh">();
  readonly #ids = Object.fromEntries(idNames.map((name) => [name, new Set<string>()])) as Record<
    (typeof idNames)[number],
    Set<string>
  >;
  readonly #heard = new Map<string, HeardRun>();

  add({ heard, ...note }: Note): void {
    for (const name of ["events", "members", "refresh"] as const) if (note[name]) this.#flags.add(name);
    for (const run of heard ?? []) this.#heard.set(`${run.provider} ${run.externalId}`, run);
    for (const name of idNames) for (const id of note[name] ?? []) this.#ids[name].add(id);
  }

  /** Each fits into one message. */
  messages(): Note[] {
    const flags: Note = Object.fromEntries([...this.#flags].map((name) => [name, true]));
    const notes: Note[] = this.#flags.size > 0 ? [flags] : [];
    for (const name of idNames) for (const part of pieces([...this.#ids[name]])) notes.push({ [name]: part });
    for (const heard of pieces([...this.#heard.values()])) notes.push({ heard });
    return notes;
  }
}

function pieces<Entry>(entries: readonly Entry[]): Entry[][] {
  const found: Entry[][] = [];
  for (let from = 0; from < entries.length; from += entriesOfMessage)
    found.push(entries.slice(from, from + entriesOfMessage));
  return found;
}
