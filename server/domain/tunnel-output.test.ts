import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readTunnelLine, tunnelAddress } from "./tunnel-output.ts";

describe("what tunnel programs write", () => {
  test("the address of a quick tunnel is read from cloudflared's box, with and without colours", () => {
    const line =
      "2026-11-20T10:00:03Z INF |  https://seasonal-deck-organisms-sf.trycloudflare.com                                          |";
    const url = "https://seasonal-deck-organisms-sf.trycloudflare.com";
    assert.deepEqual(readTunnelLine("cloudflared", line), { url });
    const coloured = line.replace("2026-11-20T10:00:03Z", "\u001b[90m2026-11-20T10:00:03Z\u001b[0m");
    assert.deepEqual(readTunnelLine("cloudflared", coloured.replace("INF", "\u001b[32mINF\u001b[0m")), {
      url,
    });
    for (const other of [
      "2026-11-20T10:00:00Z INF Thank you for trying Cloudflare Tunnel. Doing so, without a Cloudflare account, is a quick way to experiment and try it out.",
      "2026-11-20T10:00:00Z INF Requesting new quick Tunnel on trycloudflare.com...",
      "2026-11-20T10:00:03Z INF +--------------------------------------------------------------------------------------------+",
      "2026-11-20T10:00:03Z INF |  Your quick Tunnel has been created! Visit it at (it may take some time to be reachable):  |",
      "2026-11-20T10:00:04Z INF Registered tunnel connection connIndex=0 event=0 ip=198.41.192.27 location=FRA protocol=quic",
    ])
      assert.equal(readTunnelLine("cloudflared", other), null);
  });

  test("the address of an ngrok tunnel is read from its log", () => {
    const line = JSON.stringify({
      addr: "http://127.0.0.1:8001",
      lvl: "info",
      msg: "started tunnel",
      name: "command_line",
      obj: "tunnels",
      t: "2026-11-20T10:00:03.123456789Z",
      url: "https://ab12-203-0-113-7.ngrok-free.app",
    });
    assert.deepEqual(readTunnelLine("ngrok", line), { url: "https://ab12-203-0-113-7.ngrok-free.app" });
    for (const other of [
      '{"lvl":"info","msg":"no configuration paths supplied"}',
      '{"addr":"127.0.0.1:4040","allow_hosts":[],"lvl":"info","msg":"starting web service","obj":"web"}',
      '{"err":"<nil>","lvl":"info","msg":"client session established","obj":"tunnels.session"}',
      "{ broken",
      "null",
    ])
      assert.equal(readTunnelLine("ngrok", other), null);
  });

  test("what keeps a program from working is told as a sentence, and whether trying again helps", () => {
    const missing = readTunnelLine(
      "ngrok",
      "ERROR:  authentication failed: Usage of ngrok requires a verified account and authtoken. ERR_NGROK_4018",
    );
    assert.match(missing?.problem ?? "", /add-authtoken/);
    assert.equal(missing?.isFinal, true);
    const busy = readTunnelLine(
      "ngrok",
      '{"err":"authentication failed: Your account is limited to 1 simultaneous ngrok agent sessions.\\r\\n\\r\\nERR_NGROK_108\\r\\n","lvl":"eror","msg":"session closing"}',
    );
    assert.match(busy?.problem ?? "", /no further session/);
    const limited = readTunnelLine(
      "cloudflared",
      '2026-11-20T10:00:01Z ERR Error unmarshaling QuickTunnel response: error code: 1015 error="invalid character"',
    );
    assert.match(limited?.problem ?? "", /hour/);
    const lost = readTunnelLine(
      "cloudflared",
      "2026-11-20T10:00:01Z ERR Failed to dial a quic connection error=timeout",
    );
    assert.deepEqual(lost, { problem: "cloudflared says: Failed to dial a quic connection error=timeout" });
  });

  test("nothing else is taken for an address", () => {
    for (const text of [
      "http://a.trycloudflare.com",
      "https://a.trycloudflare.com.evil.example",
      "https://trycloudflare.com",
      "https://user:pw@a.trycloudflare.com",
      "https://a.trycloudflare.com:8443",
      "https://a.trycloudflare.com/path",
      "https://a.trycloudflare.com?x=1",
      "https://a.trycloudflare.com#x",
      "https://127.0.0.1",
      "https://evil.example",
      "javascript:alert(1)",
      "https://a.trycloudflare.com\\@evil.example",
      "HTTPS://A.trycloudflare.com",
      `https://${"a".repeat(300)}.trycloudflare.com`,
    ])
      assert.equal(tunnelAddress("cloudflared", text), null, text);
    assert.equal(tunnelAddress("ngrok", "https://a.trycloudflare.com"), null);
    assert.equal(tunnelAddress("ngrok", "https://abc.eu.ngrok.io"), "https://abc.eu.ngrok.io");
  });
});
