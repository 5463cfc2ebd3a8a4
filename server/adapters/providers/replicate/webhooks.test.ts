import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { webhookKey } from "../../../domain/webhook-signature.ts";
import type { ReplicateClient } from "./client.ts";
import { replicateWebhooks, usualWebhookTimes, type WebhookTimes } from "./webhooks.ts";

const keyOf = (letter: string): string => `whsec_${Buffer.from(letter.repeat(24)).toString("base64")}`;

describe("the key of an account's webhooks", () => {
  const open = (times: Partial<WebhookTimes> = {}) => {
    const account = { secret: keyOf("a"), asked: 0, broken: false };
    const client = {
      async webhookSecret() {
        account.asked++;
        if (account.broken) throw new Error("out of order");
        return account.secret;
      },
    } as unknown as ReplicateClient;
    return {
      account,
      webhooks: replicateWebhooks(
        { client, watch: { hear: () => true }, baseUrl: "https://api.replicate.com/v1" },
        { ...usualWebhookTimes, ...times },
      ),
    };
  };

  it("is asked for once, and anew when it may have been replaced, but not in a flood", async () => {
    const { account, webhooks } = open();
    await Promise.all([webhooks.keys(false), webhooks.keys(false), webhooks.keys(true)]);
    assert.equal(account.asked, 1);
    const eager = open({ askAgainMs: 0 });
    await eager.webhooks.keys(false);
    eager.account.secret = keyOf("b");
    assert.deepEqual(await eager.webhooks.keys(false), [webhookKey(keyOf("a"))]);
    assert.deepEqual(await eager.webhooks.keys(true), [webhookKey(keyOf("b"))]);
    const old = open({ keyLifeMs: 0 });
    await old.webhooks.keys(false);
    await old.webhooks.keys(false);
    assert.equal(old.account.asked, 2);
  });

  it("is none when it is so short that it could be guessed", async () => {
    const { account, webhooks } = open();
    account.secret = "whsec_!!!!!!!!!";
    assert.deepEqual(await webhooks.keys(false), []);
  });

  it("is of no use to an address that Replicate does not call", () => {
    const { webhooks } = open();
    assert.deepEqual(
      [webhooks.calls("https://train.example.org"), webhooks.calls("http://train.example.org")],
      [true, false],
    );
  });

  it("is asked for again after a failure", async () => {
    const { account, webhooks } = open();
    account.broken = true;
    await assert.rejects(webhooks.keys(false));
    account.broken = false;
    assert.equal((await webhooks.keys(false)).length, 1);
  });
});
