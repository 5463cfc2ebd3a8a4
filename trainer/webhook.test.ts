import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { webhookSender } from "./webhook.ts";

async function receiver(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

test("a receiver that hangs or is not there neither blocks nor fails the sender", async () => {
  const hanging = await receiver(() => {});
  const sender = webhookSender(
    [
      { callbackUrl: hanging, authToken: undefined },
      { callbackUrl: "http://127.0.0.1:9/gone", authToken: undefined },
    ],
    "job-1",
  );
  const startedAt = performance.now();
  for (let i = 0; i < 1000; i++) sender.send({ type: "training.progress" });
  await sender.flush(100);
  assert.ok(performance.now() - startedAt < 4_000);
});

test("events arrive in order with job, time and key; errors of the receiver are swallowed", async () => {
  const seen: { body: Record<string, unknown>; headers: IncomingHttpHeaders }[] = [];
  const url = await receiver((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      seen.push({ body: JSON.parse(text), headers: request.headers });
      response.writeHead(seen.length === 1 ? 500 : 200).end("text");
    });
  });
  const sender = webhookSender([{ callbackUrl: url, authToken: "token-1" }], "job-7");
  for (const title of ["one", "two", "three"]) sender.send({ type: "training.status", title });
  await sender.flush(10_000);
  assert.deepEqual(
    seen.map(({ body }) => body["title"]),
    ["one", "two", "three"],
  );
  assert.equal(seen[0]!.body["job_id"], "job-7");
  assert.ok(!Number.isNaN(Date.parse(String(seen[0]!.body["timestamp"]))));
  assert.equal(seen[0]!.headers["x-api-key"], "token-1");
  assert.equal(seen[0]!.headers["content-type"], "application/json");
});
