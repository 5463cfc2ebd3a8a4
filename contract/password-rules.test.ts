import assert from "node:assert/strict";
import { test } from "node:test";
import { normalizedPassword, passwordProblem as found, passwordSentence } from "./password-rules.ts";

function passwordProblem(password: string, owner: typeof ada): string | null {
  const problem = found(password, owner);
  return problem === null ? null : passwordSentence(problem);
}

const ada = { username: "ada_lovelace", email: "countess@example.org" };

test("length is counted in characters after normalising, not in bytes", () => {
  assert.match(passwordProblem("1234567", ada) ?? "", /7 characters, at least 8/);
  assert.match(passwordProblem("x", ada) ?? "", /1 character,/);
  assert.match(passwordProblem("", ada) ?? "", /0 characters/);
  assert.equal(passwordProblem("कखगघङचछज", ada), null);
  assert.equal(passwordProblem("🜁🜂🜃🜄🜁🜂🜃🜄", ada), null);
  assert.equal(passwordProblem("ab!9".repeat(256), ada), null);
  assert.match(passwordProblem(`${"ab!9".repeat(256)}x`, ada) ?? "", /1025 characters, at most 1024/);
});

test("the passwords that are tried first and one's own name are refused, with their usual endings too", () => {
  const bad = [
    "password",
    "Password123!",
    "12345678",
    "aaaaaaaa",
    "qwertyuiop",
    "abcdefgh",
    "iloveyou1",
    "1234567890",
  ];
  for (const one of [...bad, "Simpletuner1", "ＰＡＳＳＷＯＲＤ", "admin123", "ababababab", "87654321"])
    assert.match(passwordProblem(one, ada) ?? "", /tried first/, one);
  for (const own of ["ada_lovelace", "ADA_LOVELACE", "countess", "countess@example.org"])
    assert.match(passwordProblem(own, ada) ?? "", /your own name/, own);
  for (const good of [
    "correct horse battery",
    "Tr0ub4dor&3x",
    "lighthouse-keeper",
    "password for the lighthouse",
  ])
    assert.equal(passwordProblem(good, ada), null, good);
});

test("the same letters typed in another way are the same password", () => {
  assert.equal(normalizedPassword("cafe\u0301 ｆｕｌｌ"), normalizedPassword("café full"));
});
