import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type ServerProcess, startServerProcess } from "@simpletuner-cloud/server/testing/server-process.ts";
import { repository, runProgram } from "./testing/run-program.ts";

const guide = await readFile(join(repository, "docs", "OPERATIONS.md"), "utf8");
const blocks = [...guide.matchAll(/```sh\n(.*?)```/gs)].map(([whole, text = ""]) => ({
  text,
  // The heading above names the block.
  heading: /.*^#+ (.*?)$/ms.exec(guide.slice(0, guide.indexOf(whole)))?.[1] ?? "",
}));
// The commands are of a Debian machine, and need what it brings.
const skip =
  process.platform !== "linux"
    ? "the commands are written for Linux"
    : process.env["TEST_SQLITE3"] === undefined && "sqlite3 was not found";

describe("every command of the guide to operations", { skip, timeout: 300_000 }, () => {
  let home = "";
  let server: ServerProcess;
  let env: NodeJS.ProcessEnv = {};
  before(async () => {
    home = await mkdtemp(join(tmpdir(), "operations-"));
    server = await startServerProcess({ HOME: home, SIMPLETUNER_STATE_DIR: undefined });
    const bin = join(home, "bin");
    await mkdir(bin);
    const program = join(bin, "simpletuner-cloud");
    const main = join(repository, "cli", "main.ts");
    await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
    await chmod(program, 0o755);
    const { PATH = "", TEST_SQLITE3: sqlite3 = "" } = process.env;
    env = {
      PATH: [bin, join(sqlite3, ".."), PATH].join(delimiter),
      HOME: home,
      SIMPLETUNER_PORT: new URL(server.url).port,
    };
  });
  after(async () => {
    await server.stop();
    await rm(home, { recursive: true, force: true });
  });

  it("is there", () => assert.ok(blocks.length >= 6, "the guide has lost its commands"));
  for (const { heading, text } of blocks) {
    it(`under "${heading}" works as it is written`, async () => {
      const script = text.replaceAll("http://localhost:8001", server.url);
      await using shell = runProgram("bash", ["-euo", "pipefail", "-c", script], { cwd: home, env });
      assert.equal(await shell.ended, 0, `${script}\n${shell.output()}`);
    });
  }
});
