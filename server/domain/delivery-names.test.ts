import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { filledPattern, patternProblem, plainName } from "./delivery-names.ts";

const job = {
  job_id: "01939f2a-7b1c-7000-8000-0123456789ab",
  name: "Été à la mer / n° 5",
  model_family: null,
  user_id: "ada",
  created_at: "2026-11-10T12:00:00.000Z",
};

test("a pattern's words are filled in, and each part stays one part", () => {
  assert.equal(filledPattern("loras/{name}-{id}", job), "loras/Ete-a-la-mer-n-5-456789ab");
  assert.equal(filledPattern("{user}/{family}/{date}/{job_id}", job), `ada/model/2026-11-10/${job.job_id}`);
  assert.equal(filledPattern("/{name}//", { ...job, name: ".." }), "");
});

test("an unknown word or an open brace is told", () => {
  assert.match(patternProblem("{nam}") ?? "", /"\{nam\}" is not one of \{name\}, \{id\}/);
  assert.match(patternProblem("a-{name") ?? "", /"\{name"/);
  assert.equal(patternProblem("plain/{name}"), null);
});

test("names of different scripts stay different", () => {
  assert.notEqual(plainName("समुद्र"), plainName("पहाड़"));
  assert.equal(plainName("a--b..c___d"), "a-b.c___d");
});

test("whatever a run is called, its name is one that the Hub takes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
      const name = plainName(text);
      if (name === "") return;
      assert.match(name, /^[A-Za-z0-9_]([\w.-]*[A-Za-z0-9_])?$/);
      assert.ok(name.length <= 96 && !/--|\.\./.test(name));
    }),
  );
});
