import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { it } from "node:test";
import { youngHeapFlag } from "./young-heap.ts";

/** What a program that limits its heap was started with, and its arguments. */
function startedWith(flags: readonly string[], env: NodeJS.ProcessEnv = {}): unknown {
  const file = fileURLToPath(new URL("testing/young-heap-program.ts", import.meta.url));
  const { NODE_OPTIONS: _ours, ...others } = process.env;
  return JSON.parse(
    execFileSync(process.execPath, [...flags, file, "an argument", "--flag"], {
      encoding: "utf8",
      env: { ...others, ...env },
    }),
  );
}

const skip = process.platform === "win32" && "Windows cannot start a program anew";

it("starts the program anew with the flag, keeping arguments and other flags", { skip }, () => {
  assert.deepEqual(startedWith(["--no-warnings"]), {
    flags: ["--no-warnings", youngHeapFlag],
    args: ["an argument", "--flag"],
    isSameProcess: true,
  });
});

it("leaves a program alone whose space was chosen", { skip }, () => {
  const chosen = "--max-semi-space-size=16";
  const left = { flags: [chosen], args: ["an argument", "--flag"], isSameProcess: true };
  assert.deepEqual(startedWith([chosen]), left);
  assert.deepEqual(startedWith([], { NODE_OPTIONS: chosen }), { ...left, flags: [] });
});
