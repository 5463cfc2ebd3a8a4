import assert from "node:assert/strict";
import { test } from "node:test";
import { nextPlace } from "./next-place.ts";

const after = (path: string, query = ""): string => nextPlace({ path, query: new URLSearchParams(query) });

test("the page that was asked for is kept with its query", () => {
  assert.equal(after("/jobs", "status=failed"), "/jobs?status=failed");
  assert.equal(after("/"), "/");
});

test("`next` leads to pages of this server only", () => {
  assert.equal(after("/login", "next=/jobs%3Fq%3Da%26b%3Dc%23x"), "/jobs?q=a&b=c#x");
  assert.equal(after("/login"), "/");
  for (const foreign of [
    "//evil.example",
    "/\\evil.example",
    "https://evil.example",
    "javascript:alert(1)",
    "evil",
    "/login?next=/login",
    "/\t/evil.example",
    "",
  ])
    assert.equal(after("/login", new URLSearchParams({ next: foreign }).toString()), "/", foreign);
});
