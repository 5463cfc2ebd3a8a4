import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { api } from "./api.ts";
import type { Endpoint } from "./endpoint.ts";
import { type ErrorCode, errorSentence, errorTable, Failure, fail } from "./errors.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const codes = Object.keys(errorTable) as ErrorCode[];
const namesIn = (code: ErrorCode) =>
  [...errorTable[code][1].matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);

/** Every `fail("code", …)` of the product's sources with the text of its arguments. */
async function throws(): Promise<{ place: string; code: string; details: string }[]> {
  const found: { place: string; code: string; details: string }[] = [];
  for (const folder of ["contract", "server", "trainer", "cli"]) {
    for (const name of await readdir(join(root, folder), { recursive: true })) {
      if (!name.endsWith(".ts") || name.endsWith(".test.ts") || name.includes("node_modules")) continue;
      const text = await readFile(join(root, folder, name), "utf8");
      for (const call of text.matchAll(/\bfail\(\s*"(\w+)"/g)) {
        const place = `${folder}/${name}:${text.slice(0, call.index).split("\n").length}`;
        found.push({
          place,
          code: call[1] as string,
          details: argumentsAt(text, call.index + call[0].length),
        });
      }
    }
  }
  return found;
}

/** The text up to the bracket that closes the call. */
function argumentsAt(text: string, start: number): string {
  let depth = 1;
  for (let index = start; index < text.length; index++) {
    if ("([{".includes(text[index] as string)) depth++;
    if (")]}".includes(text[index] as string)) depth--;
    if (depth === 0) return text.slice(start, index);
  }
  return text.slice(start);
}

test("every code has a status of an error and one sentence that ends like one", () => {
  for (const code of codes) {
    const [status, sentence] = errorTable[code];
    assert.ok(status >= 400 && status < 600, code);
    assert.match(sentence, /^[A-Z{'"a-z]/, code);
    assert.ok(/[.}]$/.test(sentence), `${code}: ${sentence}`);
    assert.ok(!sentence.includes("\n"), code);
  }
});

test("wherever a code is thrown, every {name} of its sentence is given", async () => {
  const problems: string[] = [];
  const calls = await throws();
  assert.ok(calls.length > 60, `only ${calls.length} calls were found: the search is broken`);
  for (const { place, code, details } of calls) {
    if (!(code in errorTable)) {
      problems.push(`${place}: ${code} is not in the table`);
      continue;
    }
    for (const name of namesIn(code as ErrorCode)) {
      // Given as `name:`, as the shorthand `name`, or with everything of another object.
      if (
        !new RegExp(`\\b${name}\\s*[:,}]`).test(`${details}}`) &&
        !/\.\.\.|^,\s*\w+\s*(,|$)/.test(details.trim())
      )
        problems.push(`${place}: ${code} does not get {${name}}`);
    }
  }
  assert.deepEqual(problems, []);
});

test("every error that an endpoint declares is in the table", () => {
  for (const table of Object.values(api))
    for (const endpoint of Object.values(table) as Endpoint[])
      for (const code of endpoint.errors) assert.ok(code in errorTable, `${endpoint.path}: ${code}`);
});

test("a sentence is filled from its details; what is missing shows", () => {
  assert.equal(
    errorSentence("unknown_provider", { provider: "moon", known: ["local", "worker"] }),
    'provider: "moon" is not one of local, worker.',
  );
  assert.equal(errorSentence("job_not_found", {}), "There is no job ?, or it is not yours to see.");
  const failure = fail("job_not_found", { job_id: "{path}" }, new Error("why"));
  assert.ok(failure instanceof Failure);
  assert.deepEqual(
    [failure.status, failure.code, (failure.cause as Error).message],
    [404, "job_not_found", "why"],
  );
  assert.match(failure.message, /\{path\}/, "details are not filled in again");
});
