import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { errorSentence, errorTable, fail } from "@simpletuner-cloud/contract/errors.ts";
import { hindiErrors } from "./hindi-errors.ts";
import { hindiPhrases } from "./hindi-phrases.ts";
import { hindiDetail, hindiSentence } from "./hindi-sentences.ts";

const namesIn = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");

test("a Hindi sentence names nothing that the English one does not know", () => {
  const pairs = Object.entries(hindiErrors).flatMap(([code, hindi]) =>
    code === "unreachable" ? [] : [[errorTable[code as keyof typeof errorTable][1], hindi] as const],
  );
  for (const [english, hindi] of [...pairs, ...hindiPhrases]) {
    const known = [...namesIn(english), "correlation_id"];
    for (const name of namesIn(hindi)) assert.ok(known.includes(name), `{${name}} of ${hindi}`);
  }
});

test("each phrase is one that the server says", () => {
  const root = join(import.meta.dirname, "..", "server");
  const sources = globSync("**/*.ts", { cwd: root, exclude: (path) => path.includes("node_modules") })
    .filter((path) => !path.endsWith(".test.ts"))
    .map((path) => readFileSync(join(root, path), "utf8"));
  // "not_reached" is told as "not reached".
  const code = sources.join("\n");
  const said = `${code}\n${code.replaceAll("_", " ")}`;
  for (const [english] of hindiPhrases)
    for (const piece of english.split(/[()]|\{\w+\}/).map((text) => text.trim().replace(/^\.|\.$/g, "")))
      assert.ok(said.includes(piece), `${piece} of: ${english}`);
});

test("why a delivery failed is said in Hindi, but for names and what a stranger said", () => {
  const { code, message } = fail("destination_refused", {
    place: "Hugging Face",
    action: "adding files to ada/lighthouse-lora",
    reason: "403: you exceeded something",
    advice: "Give the token the role write, or a fine-grained one the right to write to repositories of ada.",
  });
  const hindi = hindiSentence(message, code);
  assert.equal(
    hindi,
    "Hugging Face ने ada/lighthouse-lora में फ़ाइलें जोड़ने से मना किया (“403: you exceeded something”)। टोकन को write भूमिका दें, या fine-grained टोकन को ada की रिपॉज़िटरी में लिखने का अधिकार।",
  );
  const away = fail("destination_unreachable", { reason: "s3.test cannot be reached (ECONNREFUSED)." });
  assert.equal(
    hindiSentence(away.message, away.code),
    "s3.test तक पहुँचा नहीं जा सकता (ECONNREFUSED)। बाद में फिर कोशिश होगी।",
  );
  // A step of trying a place tells no code.
  assert.equal(hindiSentence(away.message), hindiSentence(away.message, away.code));
});

test("states are words, one or several", () => {
  const { code, message } = fail("invalid_job_state", {
    status: "running",
    action: "deleting it",
    allowed: ["completed", "failed"],
  });
  assert.equal(hindiSentence(message, code), "जॉब की स्थिति चालू है; यह काम तभी हो सकता है जब वह पूरा, विफल हो।");
});

test("how a training ended is said in Hindi with the trainer's own words behind it", () => {
  assert.equal(
    hindiSentence("Training exited with code 1. RuntimeError: no kernel image", "trainer_failed"),
    "ट्रेनिंग कोड 1 के साथ बंद हुई। “RuntimeError: no kernel image”",
  );
  const told = "Training was ended by signal 9.";
  assert.equal(hindiSentence(told), "ट्रेनिंग सिग्नल 9 से बंद की गई।");
});

test("what nobody knows stays as it is", () => {
  assert.equal(hindiSentence("RuntimeError: field: wrong"), null);
  assert.equal(hindiDetail("path", "a file stands in its way"), "a file stands in its way");
  assert.equal(hindiDetail("reason", "503"), "503");
  assert.equal(hindiDetail("reason", "(.+?) {x}"), "(.+?) {x}");
  // Sentences that are little but their details are known by their code alone.
  const wrong = errorSentence("validation_error", { field: "name", problem: "too long" });
  assert.equal(hindiSentence(wrong), null);
  assert.equal(hindiSentence(wrong, "validation_error"), "name: “too long”");
});
