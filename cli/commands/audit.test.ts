import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ran } from "../testing/captured-io.ts";
import { type Asked, fakeServer } from "../testing/fake-server.ts";

const entry = {
  id: 7,
  timestamp: "2026-11-24T10:00:00.000Z",
  event_type: "user.created",
  action: "created",
  actor_id: "u1",
  actor_username: "ada",
  actor_ip: "10.0.0.9",
  target_type: "user",
  target_id: "u2",
  target_name: "bob",
  details: { by: "administrator" },
  entry_hash: "ab".repeat(32),
};

describe("the audit on the command line", () => {
  test("entries are listed by what they are about, also under auth", async () => {
    const queries: string[] = [];
    const list = ({ query }: Asked) => {
      queries.push(query.toString());
      return { entries: [entry], total: 1_200, has_more: true };
    };
    await using server = await fakeServer({ "GET /api/audit": list });
    const args = ["list", "--type", "user.created", "--actor", "u1", "--since", "2026-11-01", "-n", "5"];
    const { code, out } = await ran(server.url, ["audit", ...args]);
    assert.equal(code, 0);
    assert.match(out, /7 .*user\.created +ada +10\.0\.0\.9 +bob +by=administrator/);
    assert.match(out, /1 of 1,200 entries/);
    await ran(server.url, ["auth", "audit", ...args]);
    const expected =
      "event_type=user.created&actor_id=u1&since=2026-11-01T00%3A00%3A00.000Z&limit=5&offset=0";
    assert.deepEqual(queries, [expected, expected]);
  });

  test("a chain that does not hold is told and fails", async () => {
    const broken = { id: 3, last_id: 5, reason: "missing" };
    const check = { valid: false, entries_checked: 9, broken_links: [broken], first_id: 1, last_id: 12 };
    await using server = await fakeServer({ "GET /api/audit/verify": () => check });
    const { code, out, err } = await ran(server.url, ["audit", "verify"]);
    assert.equal(code, 1);
    assert.match(out, /Entries 3 to 5: taken out/);
    assert.match(err, /does not hold \(9 entries checked\)/);
    server.routes["GET /api/audit/verify"] = () => ({ ...check, valid: true, broken_links: [] });
    assert.match((await ran(server.url, ["audit", "verify"])).out, /whole: 9 entries/);
  });

  test("an export goes into a new file and over none", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "audit-export-"));
    t.after(() => rm(folder, { recursive: true }));
    await using server = await fakeServer({ "GET /api/audit/export": () => entry });
    const file = join(folder, "audit.jsonl");
    assert.equal((await ran(server.url, ["audit", "export", file])).code, 0);
    assert.deepEqual(JSON.parse(await readFile(file, "utf8")), entry);
    const again = await ran(server.url, ["audit", "export", file]);
    assert.equal(again.code, 1);
    assert.match(again.err, /exist/i);
  });

  test("a time that is none is not sent", async () => {
    const { code, err } = await ran("http://127.0.0.1:1", ["audit", "list", "--since", "yesterday"]);
    assert.equal(code, 1);
    assert.match(err, /--since: "yesterday"/);
  });
});
