import assert from "node:assert/strict";
import { test } from "node:test";
import { messageQueue } from "./message-queue.ts";

test("items come in order, those pushed before reading and those after", async () => {
  const queue = messageQueue<number>();
  queue.push(1);
  const reader = queue[Symbol.asyncIterator]();
  assert.equal((await reader.next()).value, 1);
  const next = reader.next();
  queue.push(2);
  assert.equal((await next).value, 2);
  queue.push(3);
  queue.close();
  queue.push(4);
  assert.equal((await reader.next()).value, 3);
  assert.equal((await reader.next()).done, true);
});

test("a reader that falls ten thousand behind is cut off without a gap before the cut", async () => {
  const queue = messageQueue<number>();
  for (let number = 0; number < 50_000; number++) queue.push(number);
  const read: number[] = [];
  for await (const number of queue) read.push(number);
  assert.equal(read.length, 10_000);
  assert.ok(read.every((number, index) => number === index));
});
