import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Tunnel } from "@simpletuner-cloud/contract/tunnel.ts";
import { ran } from "../testing/captured-io.ts";
import { fakeServer } from "../testing/fake-server.ts";

const off: Tunnel = {
  status: "off",
  program: null,
  url: null,
  started_at: null,
  restarts: 0,
  message: null,
  used_instead: null,
  programs: [
    { program: "cloudflared", installed: true, install_url: "https://example.org/cloudflared" },
    { program: "ngrok", installed: false, install_url: "https://example.org/ngrok" },
  ],
};
const starting: Tunnel = {
  ...off,
  status: "starting",
  program: "cloudflared",
  started_at: "2026-11-20T10:00:00.000Z",
};
const running: Tunnel = { ...starting, status: "running", url: "https://a-b.trycloudflare.com" };

describe("cloud tunnel on the command line", () => {
  test("shows what there is, and where to get a program", async () => {
    await using server = await fakeServer({ "GET /api/cloud/tunnel": () => off });
    const { code, out } = await ran(server.url, ["cloud", "tunnel"]);
    assert.equal(code, 0);
    assert.match(
      out,
      /There is no tunnel\.\ncloudflared: installed\nngrok: get it at https:\/\/example\.org\/ngrok/,
    );
    const json = await ran(server.url, ["cloud", "tunnel", "status", "-f", "json"]);
    assert.deepEqual(JSON.parse(json.out), off);
  });

  test("waits for the address, and says when another is used", async () => {
    let looks = 0;
    await using server = await fakeServer({
      "POST /api/cloud/tunnel": ({ body }) => {
        assert.deepEqual(body, { program: "cloudflared" });
        return starting;
      },
      "GET /api/cloud/tunnel": () =>
        ++looks < 2 ? starting : { ...running, used_instead: "https://train.example.org" },
    });
    const { code, out } = await ran(server.url, ["cloud", "tunnel", "start", "--program", "cloudflared"]);
    assert.equal(code, 0);
    assert.match(out, /reaches this server at https:\/\/a-b\.trycloudflare\.com\n/);
    assert.match(out, /given https:\/\/train\.example\.org/);
  });

  test("that gets no address fails with the reason", async () => {
    const failed: Tunnel = { ...starting, status: "failed", message: "ngrok knows no account." };
    await using server = await fakeServer({
      "POST /api/cloud/tunnel": () => starting,
      "GET /api/cloud/tunnel": () => failed,
      "DELETE /api/cloud/tunnel": () => off,
    });
    const { code, err } = await ran(server.url, ["cloud", "tunnel", "start"]);
    assert.equal(code, 1);
    assert.match(err, /ngrok knows no account/);
    assert.equal((await ran(server.url, ["cloud", "tunnel", "stop"])).code, 0);
  });
});
