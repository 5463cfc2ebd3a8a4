import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { CommandFailure } from "./io.ts";
import { readJobInputs } from "./submit-request.ts";

const folder = mkdtempSync(join(tmpdir(), "submit request "));
after(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, "config"));
const write = (name: string, value: unknown): void =>
  writeFileSync(join(folder, name), typeof value === "string" ? value : JSON.stringify(value));
write("config/data.json", [
  { id: "a", instance_data_dir: "images" },
  { id: "b", instance_data_dir: "/abs" },
  { id: "t" },
]);
write("config/run.json", { max_train_steps: 3, "--data_backend_config": "data.json" });
write("config/alone.json", { max_train_steps: 3 });
write("config/lost.json", { data_backend_config: "nowhere.json" });
write("broken.json", "{ nope");
write("list.json", "[1]");

test("files that cannot be used are named with the argument and the problem", () => {
  for (const [config, dataloader, sentence] of [
    ["missing.json", undefined, /^config: the file .*missing\.json does not exist/],
    ["broken.json", undefined, /^config: .*broken\.json is not valid JSON/],
    ["list.json", undefined, /^config: .*must hold a JSON object/],
    ["./config", undefined, /^config: the file .* cannot be read \(EISDIR\)/],
    ["config/lost.json", undefined, /^data_backend_config: the file nowhere\.json does not exist/],
    ["config/alone.json", "list.json", /^dataloader: .*must hold a JSON list of datasets/],
  ] as const) {
    assert.throws(
      () => readJobInputs(config, dataloader, folder),
      (error: unknown) => error instanceof CommandFailure && sentence.test(error.message),
      String(sentence),
    );
  }
});

test("a name means a saved configuration, a path means a file", () => {
  assert.deepEqual(readJobInputs("demo", "mine", folder), {
    config_name_to_load: "demo",
    dataloader_name: "mine",
  });
  assert.deepEqual(readJobInputs("config/alone.json", undefined, folder), { config: { max_train_steps: 3 } });
});

test("datasets come from the file the configuration names, with relative folders made absolute", () => {
  assert.deepEqual(readJobInputs("config/run.json", undefined, folder).dataloader_config, [
    { id: "a", instance_data_dir: join(folder, "images") },
    { id: "b", instance_data_dir: "/abs" },
    { id: "t" },
  ]);
});
