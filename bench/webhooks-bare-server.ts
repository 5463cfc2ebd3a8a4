import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** The least that any receiver does: reads the delivery, checks its signature, parses it, answers. `node … <secret>`. */
const key = Buffer.from((process.argv[2] ?? "").replace(/^whsec_/, ""), "base64");
const server = createServer(async (message, response) => {
  const pieces: Buffer[] = [];
  for await (const piece of message) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces);
  const {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": given = "",
  } = message.headers;
  const expected = `v1,${createHmac("sha256", key)
    .update(`${String(id)}.${String(timestamp)}.`)
    .update(body)
    .digest("base64")}`;
  const right = timingSafeEqual(Buffer.from(String(given)), Buffer.from(expected));
  const { status } = JSON.parse(body.toString("utf8")) as { status: string };
  const text = JSON.stringify({ status: "received", of: status });
  response.writeHead(right ? 200 : 401, { "content-length": text.length }).end(text);
});
server.listen(0, "127.0.0.1", () =>
  process.stderr.write(
    `${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`,
  ),
);
