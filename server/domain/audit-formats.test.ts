import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { auditedEventTypes } from "@simpletuner-cloud/contract/audit-events.ts";
import type { AuditEntry } from "@simpletuner-cloud/contract/audit.ts";
import { formatEntry } from "./audit-formats.ts";

const source = { hostName: "train 1.example", version: "1.2.3" };
const entry: AuditEntry = {
  id: 57,
  timestamp: "2026-01-31T10:20:30.123Z",
  event_type: "user.created",
  action: "created",
  actor_id: "u1",
  actor_username: "ada",
  actor_ip: "10.0.0.9",
  target_type: "user",
  target_id: "u2",
  target_name: "bob",
  details: { by: "administrator", levels: ["lead"] },
  entry_hash: "ab".repeat(32),
};
/** What somebody would be called who wants to end a field, a line or a message early. */
const hostile = 'a|b=c\\d"e]f\ng\rh\u2028i\u0000j तट';

describe("an entry for a collector", () => {
  test("as JSON is the contract's object with its place and seal", () => {
    const { contentType, body } = formatEntry(entry, "json", source);
    assert.equal(contentType, "application/json");
    const { id: audit_id, timestamp, entry_hash: hash, action, ...rest } = entry;
    assert.deepEqual(JSON.parse(body), {
      "@timestamp": timestamp,
      event: {
        kind: "event",
        category: ["iam"],
        type: ["user", "creation"],
        action,
        outcome: "success",
        sequence: audit_id,
        hash,
      },
      simpletuner: { audit_id, ...rest },
    });
  });

  test("as CEF has seven escaped fields before its extension, and one line", () => {
    const { body } = formatEntry({ ...entry, actor_username: hostile, target_name: hostile }, "cef", source);
    assert.doesNotMatch(body, /[\p{Cc}\u2028]/u);
    const head = /^CEF:0\|SimpleTuner\|Cloud\|1\.2\.3\|user\.created\|((?:[^|\\]|\\[|\\])*)\|3\|(.*)$/.exec(
      body,
    );
    assert.ok(head, body);
    const values = new Map(
      [...(head[2] ?? "").matchAll(/(\w+)=((?:[^=\\]|\\.)*?)(?= \w+=|$)/g)].map(([, name, value = ""]) => [
        name,
        value.replaceAll(/\\(.)/g, (_, letter: string) => ({ n: "\n", r: "\r" })[letter] ?? letter),
      ]),
    );
    assert.equal(values.get("suser"), hostile.replaceAll("\u2028", " ").replaceAll("\0", " "));
    assert.equal(values.get("rt"), String(Date.parse(entry.timestamp)));
    assert.deepEqual(
      ["externalId", "act", "src", "cs4Label", "cs4", "cs5"].map((name) => values.get(name)),
      ["57", "created", "10.0.0.9", "details", JSON.stringify(entry.details), entry.entry_hash],
    );
    const sixth = formatEntry({ ...entry, actor_ip: "::1" }, "cef", source).body;
    assert.match(sixth, / c6a2Label=sourceAddress c6a2=::1 /);
    assert.doesNotMatch(sixth, / src=/);
  });

  test("as syslog is one message of RFC 5424", () => {
    const { body } = formatEntry({ ...entry, actor_username: hostile }, "syslog", source);
    assert.doesNotMatch(body, /[\p{Cc}\u2028]/u);
    const parts =
      /^<(\d+)>1 (\S+) (\S+) (\S+) (\S+) (\S+) ((?:\[[\w@.]+(?: [\w]+="(?:[^"\\\]]|\\["\\\]])*")*\])+) \uFEFF(.*)$/u.exec(
        body,
      );
    assert.ok(parts, body);
    assert.deepEqual(parts.slice(1, 7), [
      String(13 * 8 + 6),
      entry.timestamp,
      "train1.example",
      "simpletuner-cloud",
      "-",
      "user.created",
    ]);
    assert.match(parts[7] ?? "", / audit_id="57" /);
    assert.match(parts[7] ?? "", / actor_username="a\|b=c\\\\d\\"e\\\]f g h i j तट"/);
    assert.match(parts[8] ?? "", /^user\.created by .*: bob$/);
  });

  test("of every type keeps to the limits of each format", () => {
    for (const event_type of auditedEventTypes) {
      const bare = {
        ...entry,
        event_type,
        actor_id: null,
        actor_username: null,
        actor_ip: null,
        target_id: null,
      };
      const syslog = formatEntry({ ...bare, target_name: null }, "syslog", source).body;
      assert.match(syslog, /^<1(08|09|10)>1 \S+ \S+ simpletuner-cloud - [\x21-\x7e]{1,32} \[/, event_type);
      const { event } = JSON.parse(formatEntry(bare, "json", source).body) as {
        event: { category: string[]; outcome: string };
      };
      const refused = /^(security\.|webhook_rejected)|failed$/.test(event_type);
      assert.equal(event.outcome, refused ? "failure" : "success", event_type);
    }
  });
});
