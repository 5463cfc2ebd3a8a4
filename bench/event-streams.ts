import { connect, type Socket } from "node:net";

/**
 * In a process of its own: opens event streams and measures how long after a request that causes one event each
 * stream has it. `event-streams.ts <url> <stream path> <streams>` reads the causing requests as a JSON list of
 * `[method, path, words that the event holds]` from standard input and prints `{p50, p99, max}` in ms as JSON. The
 * first {@link warmUp} events are not counted: one slow event is a hundredth of a hundred.
 */
const warmUp = 10;

const [base = "", streamPath = "", streams = "1000"] = process.argv.slice(2);
const { hostname, port, host } = new URL(base);

interface Waiting {
  words: string;
  since: number;
  left: Set<Socket>;
  done: () => void;
}

let waiting: Waiting | null = null;
const latencies: number[] = [];

async function openStream(): Promise<Socket> {
  const socket = connect(Number(port), hostname);
  socket.setEncoding("utf8").write(`GET ${streamPath} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  await new Promise<void>((resolve, reject) => {
    let head = "";
    const onHead = (piece: string): void => {
      head += piece;
      if (!head.includes("event: connection")) return;
      socket.off("data", onHead);
      resolve();
    };
    socket.on("data", onHead);
    socket.once("error", reject);
  });
  socket.on("data", (piece: string) => {
    if (!waiting?.left.has(socket) || !piece.includes(waiting.words)) return;
    waiting.left.delete(socket);
    latencies.push(performance.now() - waiting.since);
    if (waiting.left.size === 0) waiting.done();
  });
  return socket;
}

let input = "";
for await (const piece of process.stdin.setEncoding("utf8")) input += piece as string;
const causes = JSON.parse(input) as [method: string, path: string, words: string][];
const sockets = new Set<Socket>();
for (let opened = 0; opened < Number(streams); opened += 50)
  for (const socket of await Promise.all(Array.from({ length: 50 }, openStream))) sockets.add(socket);

for (const [index, [method, path, words]] of causes.entries()) {
  if (index === warmUp) latencies.length = 0;
  await new Promise((resolve) => setTimeout(resolve, 50));
  const everywhere = new Promise<void>((done) => {
    waiting = { words, since: performance.now(), left: new Set(sockets), done };
  });
  const answer = await fetch(base + path, { method });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  await everywhere;
}
for (const socket of sockets) socket.destroy();
latencies.sort((a, b) => a - b);
const at = (quantile: number) => latencies[Math.floor(latencies.length * quantile)];
console.log(JSON.stringify({ p50: at(0.5), p99: at(0.99), max: latencies.at(-1) }));
