import { setTimeout as delay } from "node:timers/promises";
import { openState } from "../adapters/state/registry.ts";
import { rateLimiter } from "./rate-limiter.ts";
import type { HammerOrder, Through } from "./rate-limiter-test-processes.ts";

/** One of several processes that hammer the same key; prints what got through. See `rate-limiter-test-processes.ts`. */
const order = JSON.parse(process.argv[2] ?? "") as HammerOrder;
const state = await openState({
  ...order,
  tls: false,
  caBundle: null,
  keyPrefix: "st:",
  poolSize: 4,
  timeoutMs: 30_000,
  now: Date.now,
  onError: (error) => process.stderr.write(`${String(error)}\n`),
});
const limiter = rateLimiter(state, "hammer", order.rule);
await state.clock();
const through: Through[] = [];
let left = order.requests;

async function hammer(): Promise<void> {
  while (left > 0) {
    left--;
    const before = Date.now();
    const { allowed } = await limiter.check(order.key);
    // All processes by one clock, which tells whole milliseconds: never later before, and never earlier after, than it was.
    if (allowed) through.push([before, Date.now() + 1]);
    if (order.pauseMs > 0) await delay(order.pauseMs);
    // A key that is full is refused without a question; what others ask for has its turn all the same.
    else if (!allowed) await delay(0);
  }
}

await delay(Math.max(0, order.startAtMs - Date.now()));
await Promise.all(Array.from({ length: order.concurrency }, hammer));
await state.close();
process.stdout.write(JSON.stringify(through));
