import { createHmac } from "node:crypto";
import { Agent, request } from "node:http";

/**
 * Sends signed deliveries over 32 kept connections for some seconds: `node bench/webhooks-load.ts <url> <secret> <runs> <seconds>`.
 * Prints the number of deliveries a second that were answered with 200.
 */
const [url = "", secret = "", runs = "100000", seconds = "4"] = process.argv.slice(2);
const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
const agent = new Agent({ keepAlive: true, maxSockets: 32 });
const log = "Training step 10/2000 loss=0.1234 lr=0.0001\n".repeat(10);
const startedAt = performance.now();
const until = startedAt + Number(seconds) * 1_000;
let sent = 0;
let taken = 0;

function deliver(): Promise<void> {
  const index = sent++;
  const body = JSON.stringify({ id: `run-${index % Number(runs)}`, status: "processing", logs: log });
  const id = `msg_${process.pid}_${index}`;
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  const headers = {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${signature}`,
  };
  return new Promise((resolve, reject) => {
    const call = request(url, { method: "POST", agent, headers }, (answer) => {
      if (answer.statusCode === 200) taken++;
      answer.resume().on("end", resolve);
    });
    call.on("error", reject).end(body);
  });
}

async function connection(): Promise<void> {
  while (performance.now() < until) await deliver();
}

await Promise.all(Array.from({ length: 32 }, connection));
console.log(taken / ((performance.now() - startedAt) / 1_000), sent - taken);
agent.destroy();
