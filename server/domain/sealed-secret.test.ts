import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { isSealed, mapSecretFields, secretBox } from "./sealed-secret.ts";

const box = secretBox(randomBytes(32));

test("what is sealed opens again, never looks the same twice and never shows the value", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (plain) => {
      fc.pre(plain.isWellFormed());
      const sealed = box.seal(plain);
      assert.ok(isSealed(sealed));
      assert.equal(box.open(sealed), plain);
      assert.notEqual(box.seal(plain), sealed);
    }),
  );
  assert.ok(!box.seal("hf_a_very_secret_token").includes("hf_a"));
});

test("a changed text or another key does not open", () => {
  const sealed = box.seal("secret");
  const bytes = Buffer.from(sealed.split(":").at(-1) ?? "", "base64url");
  for (let index = 0; index < bytes.length; index++) {
    const changed = Buffer.from(bytes);
    changed[index]! ^= 1;
    assert.throws(
      () => box.open(`${sealed.slice(0, sealed.lastIndexOf(":") + 1)}${changed.toString("base64url")}`),
      `byte ${index}`,
    );
  }
  assert.throws(() => secretBox(randomBytes(32)).open(sealed));
  assert.throws(() => box.open("sealed:v1:"));
});

test("a signature is good for its purpose and its parts only", () => {
  const signature = box.sign("consent", ["ada", "local"]);
  assert.ok(box.verify("consent", ["ada", "local"], signature));
  assert.ok(!box.verify("other", ["ada", "local"], signature));
  assert.ok(!box.verify("consent", ["adal", "ocal"], signature));
  assert.ok(!box.verify("consent", ["ada", "local"], `${signature}x`));
  assert.ok(!box.verify("consent", ["ada", "local"], ""));
  assert.ok(!secretBox(randomBytes(32)).verify("consent", ["ada", "local"], signature));
});

test("secret fields are found at any depth, everything else stays as it is", () => {
  const config = {
    "--hub_token": "a",
    webhook_config: [{ auth_token: "b", callback_url: "c" }],
    publishing_config: [{ secret_key: "d", access_key: "e", nested: { password: "f" } }],
    aws_secret_access_key: "g",
    tokenizer: "stays",
    token_count: 3,
    token: "",
    hf_token: null,
    keys: ["stays"],
  };
  const seen: string[] = [];
  const hidden = mapSecretFields(config, (secret) => {
    seen.push(secret);
    return "*";
  });
  assert.deepEqual(seen.sort(), ["a", "b", "d", "e", "f", "g"]);
  assert.deepEqual(hidden, {
    ...config,
    "--hub_token": "*",
    webhook_config: [{ auth_token: "*", callback_url: "c" }],
    publishing_config: [{ secret_key: "*", access_key: "*", nested: { password: "*" } }],
    aws_secret_access_key: "*",
  });
});
