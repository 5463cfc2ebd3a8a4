/** What the event stream of this browser tells every tab. */
export type StreamNews =
  /** Open; every stored event after number `behind` will come. What is older is not replayed. */
  | { is: "open"; behind: number }
  | { is: "event"; text: string }
  /** The server answers, though it has nothing to tell. */
  | { is: "alive" }
  | { is: "lost"; retryAt: number };

/** Between tabs: the news, and a new tab that asks how the stream is. */
type Message = StreamNews | { is: "asks" };

/** A stream that is followed. */
export interface SharedStream {
  /** Connects now instead of at the next attempt, also after `rest`. */
  connect: () => void;
  /** Leaves the server alone until `connect`: it would not let this browser in. */
  rest: () => void;
}

/** How {@link followSharedStream} connects. */
export interface SharedStreamOptions {
  eventNames: readonly string[];
  /** The number of the last event this tab has seen, 0 for none; the stream goes on behind it. */
  lastSeen: () => number;
  hear: (news: StreamNews) => void;
}

/** The server pings every 15 s; a stream that is silent for longer than two pings is dead, whatever its socket says. */
const longestSilenceMs = 35_000;
const name = "simpletuner-events";

/**
 * Follows the server's events with one connection for all tabs of this browser, because HTTP/1.1 gives a browser six
 * and each tab would hold one. The tab that was last in view holds it and passes everything on; it is replaced when
 * another comes into view, and when it closes. Where the browser offers no locks (plain HTTP from another machine)
 * each tab has its own.
 */
export function followSharedStream(options: SharedStreamOptions): SharedStream {
  const channel =
    "locks" in navigator && typeof BroadcastChannel === "function" ? new BroadcastChannel(name) : null;
  let resting = false;
  const tell = (news: StreamNews): void => {
    options.hear(news);
    channel?.postMessage(news);
  };
  const stream = ownStream(options, tell, () => !resting);
  const rest = (): void => {
    resting = true;
    stream.close();
  };
  /** Ends the rest; the tab that `leads` connects. */
  const wake = (leads: boolean): void => {
    const slept = resting;
    resting = false;
    if (stream.state || (slept && leads)) stream.open();
  };
  if (!channel) {
    stream.open();
    return { connect: () => wake(true), rest };
  }
  channel.addEventListener("message", ({ data }: MessageEvent<Message>) => {
    if (data.is !== "asks") options.hear(data);
    else if (stream.state) channel.postMessage(stream.state);
  });
  const lead = leadership(stream);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) lead.take();
  });
  if (document.hidden) {
    lead.wait();
    channel.postMessage({ is: "asks" } satisfies Message);
  } else lead.take();
  return {
    connect() {
      wake(lead.holds);
      if (!lead.holds) lead.take();
    },
    rest,
  };
}

/** Holds the lock while its tab leads: `take` gets it at once from whoever has it, `wait` when that tab closes. */
function leadership(stream: { open: () => void; close: () => void; state: StreamNews | null }) {
  let waiting: AbortController | null = null;
  const leads = { holds: false, wait, take };
  /** Counts the requests of this tab: one that a later one of its own replaced has nothing to say any more. */
  let turn = 0;
  const hold = (): Promise<never> => {
    leads.holds = true;
    stream.open();
    return new Promise(() => undefined);
  };
  function wait(): void {
    waiting = new AbortController();
    const mine = ++turn;
    navigator.locks.request(name, { signal: waiting.signal }, hold).catch((error) => lost(error, mine));
  }
  const lost = (error: unknown, mine: number): void => {
    // Aborted here because the tab takes the lock at once, or taken away by another tab.
    if (waiting?.signal.aborted) return void (waiting = null);
    if (!(error instanceof DOMException) || error.name !== "AbortError") throw error;
    if (mine !== turn) return;
    leads.holds = false;
    stream.close();
    wait();
  };
  function take(): void {
    if (stream.state || leads.holds) return;
    waiting?.abort();
    const mine = ++turn;
    navigator.locks.request(name, { steal: true }, hold).catch((error) => lost(error, mine));
  }
  return leads;
}

/** This tab's own connection, tried again after 1, 2, then every 3 s; `state` is its last word, null when it has none. */
function ownStream(options: SharedStreamOptions, tell: (news: StreamNews) => void, mayOpen: () => boolean) {
  let source: EventSource | null = null;
  let timer = 0;
  let attempts = 0;
  const stream = { state: null as StreamNews | null, open, close };

  function close(): void {
    clearTimeout(timer);
    source?.close();
    source = null;
    stream.state = null;
  }

  function openAfter(waitMs: number): void {
    close();
    timer = window.setTimeout(open, waitMs);
  }

  function lose(): void {
    attempts += 1;
    const waitMs = Math.min(attempts, 3) * 1_000;
    openAfter(waitMs);
    tell((stream.state = { is: "lost", retryAt: Date.now() + waitMs }));
  }

  function heard(): void {
    clearTimeout(timer);
    timer = window.setTimeout(lose, longestSilenceMs);
  }

  function open(): void {
    close();
    if (!mayOpen()) return;
    const seen = options.lastSeen();
    const opened = new EventSource(seen > 0 ? `/api/events/stream?after=${seen}` : "/api/events/stream");
    source = opened;
    stream.state = { is: "alive" };
    const on = (event: string, act: (data: string) => void): void =>
      opened.addEventListener(event, (message) => {
        heard();
        act((message as MessageEvent<string>).data);
      });
    opened.addEventListener("error", () => {
      if (source === opened) lose();
    });
    const tellOpen = (data: string): void => {
      const { latest } = JSON.parse(data) as { latest: number };
      attempts = 0;
      // A smaller number than ours means a new database, which begins anew.
      stream.state = { is: "open", behind: seen === 0 || latest < seen ? latest : seen };
      tell(stream.state);
    };
    on("connection", tellOpen);
    // Too much was missed to replay it all.
    on("reset", (data) => tell({ is: "open", behind: (JSON.parse(data) as { latest: number }).latest }));
    // The server stops: it, or another, goes on where this stream was.
    on("reconnect", (data) => openAfter((JSON.parse(data) as { retry_ms: number }).retry_ms));
    on("ping", () => tell({ is: "alive" }));
    for (const event of options.eventNames) on(event, (text) => tell({ is: "event", text }));
  }

  addEventListener("online", () => {
    if (stream.state) open();
  });
  addEventListener("offline", () => {
    if (stream.state) lose();
  });
  return stream;
}
