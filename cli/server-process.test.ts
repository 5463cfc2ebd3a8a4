import assert from "node:assert/strict";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { CommandFailure } from "./io.ts";
import { portOwner, startServerProcess, stateFolder } from "./server-process.ts";
import { capturedIo } from "./testing/captured-io.ts";
import { fakeServer } from "./testing/fake-server.ts";

test("who holds a port: nobody, a stranger that speaks, a stranger's web page, our server", async () => {
  const stranger = createTcpServer((socket) => void socket.resume().end("220 ready\r\n"));
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
  assert.equal(await portOwner(url), "something else");
  await new Promise((resolve) => stranger.close(resolve));
  assert.equal(await portOwner(url), "free");
  await using page = await fakeServer({ "GET /health": () => ({ status: "UP" }) });
  assert.equal(await portOwner(page.url), "something else");
  await using ours = await fakeServer({ "GET /health": () => ({ status: "healthy", mode: "unified" }) });
  assert.equal(await portOwner(ours.url), "our server");
});

test("a state folder below a file cannot be used and nothing is started", async () => {
  const stateDir = `${import.meta.filename}/state`;
  await assert.rejects(
    startServerProcess({ port: 0, stateDir }, capturedIo().io),
    (error: unknown) =>
      error instanceof CommandFailure && /cannot be written \(ENOTDIR.*--state-dir/.test(error.message),
  );
});

test("the state folder: option, then environment, then the home folder", () => {
  const cwd = "/work place";
  assert.equal(stateFolder("here", { cwd, env: { SIMPLETUNER_STATE_DIR: "/there" } }), "/work place/here");
  assert.equal(stateFolder(undefined, { cwd, env: { SIMPLETUNER_STATE_DIR: "/there" } }), "/there");
  assert.match(stateFolder(undefined, { cwd, env: {} }), /\.simpletuner$/);
});
