import assert from "node:assert/strict";
import { test } from "node:test";
import { programName } from "./program-name.ts";

test("browsers are named with their system, programs by their first word", () => {
  const names: [agent: string, name: string | null][] = [
    ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"],
    [
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36 Edg/141.0",
      "Edge, Windows",
    ],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
      "Safari, iOS",
    ],
    [
      "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Mobile Safari/537.36",
      "Chrome, Android",
    ],
    ["curl/8.9.1", "curl"],
    ["node", "node"],
    ["", null],
    ["<script>", null],
  ];
  for (const [agent, name] of names) assert.equal(programName(agent), name, agent);
});
