import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, beforeEach, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import type { UsersTable } from "../account-tables.ts";
import type { Bench } from "../conformance.ts";
import type { Asked } from "./access-side.ts";

/** People, what they may do and how they sign in. */
export function accountPromises(bench: Bench): void {
  accountRecords(bench);
  describe("accounts in two processes", () => {
    const workers: Worker[] = [];
    let asked: Ask[];
    before(async () => {
      const { address } = await bench.another();
      asked = [];
      for (let count = 0; count < 2; count++) {
        const worker = new Worker(new URL("access-side.ts", import.meta.url), { workerData: { address } });
        workers.push(worker);
        asked.push(await opened(worker));
      }
    });
    after(async () => {
      for (const worker of workers) {
        worker.postMessage("close");
        await once(worker, "exit");
      }
    });
    beforeEach(() => asked[0]?.("clear"));
    accountRaces(() => asked as [Ask, Ask]);
  });
}

/** Asks one of two sides, each with its own connection to the one database. */
type Ask = (act: Asked["act"], ...args: string[]) => Promise<string>;

/** A side in a thread of its own: SQLite waits for a lock without an event loop. */
async function opened(worker: Worker): Promise<Ask> {
  await once(worker, "message");
  const waiting = new Map<number, (outcome: string) => void>();
  worker.on("message", ({ number, outcome }: { number: number; outcome: string }) => {
    waiting.get(number)?.(outcome);
    waiting.delete(number);
  });
  let asked = 0;
  return (act, ...args) =>
    new Promise((resolve) => {
      const number = ++asked;
      waiting.set(number, resolve);
      worker.postMessage({ number, act, args } satisfies Asked);
    });
}

function accountRaces(sides: () => [Ask, Ask]): void {
  /** Asks both sides in turn, all at once. */
  const onBoth = (times: number, ask: (side: Ask, turn: number) => Promise<string>): Promise<string[]> =>
    Promise.all(Array.from({ length: times }, (_, turn) => ask(sides()[turn % 2 === 0 ? 0 : 1], turn)));

  test("of many first administrators one is made", async () => {
    const outcomes = await onBoth(20, (side, turn) => side("addFirstAdmin", `root${turn}`));
    assert.deepEqual(outcomes.toSorted(), ["done", ...Array.from({ length: 19 }, () => "setup_done")]);
  });

  test("of two administrators that switch each other off one stays", async () => {
    const [first, second] = sides();
    await first("addAdmin", "ada");
    await first("addAdmin", "bob");
    for (let round = 0; round < 30; round++) {
      const outcomes = await onBoth(2, (side, turn) =>
        side(round % 2 === 0 ? "switchOff" : "takeLevel", turn === 0 ? "ada" : "bob"),
      );
      assert.deepEqual(outcomes.toSorted(), ["done", "last_administrator"]);
      for (const id of ["ada", "bob"]) {
        await second("switchOn", id);
        await second("giveLevel", id);
      }
    }
  });

  test("attempts to sign in share one count", async () => {
    const outcomes = await onBoth(30, (side) => side("attempt", "ada"));
    assert.deepEqual(
      ["done", "refused"].map((word) => outcomes.filter((outcome) => outcome === word).length),
      [5, 25],
    );
  });

  test("no session outlives a password that is changed at the same moment", async () => {
    const [first, second] = sides();
    await first("addAdmin", "ada");
    for (let round = 0; round < 30; round++) {
      await first("setPassword", "ada", `old${round}`);
      await onBoth(2, (side, turn) =>
        turn === round % 2 ? side("signIn", "ada", `old${round}`) : side("setPassword", "ada", `new${round}`),
      );
      assert.equal(await second("sessionsOf", "ada"), "0");
    }
  });
}

function accountRecords({ sides }: Bench): void {
  test("people are found by their keys, listed by name, and unique", async () => {
    const [{ stores }, other] = sides();
    const add = (name: string, more: Partial<UsersTable> = {}): Promise<void> =>
      stores.access.change(async (transaction) => {
        await stores.users.insert(transaction, { ...userRow(name), ...more });
        return { answer: undefined, events: [] };
      });
    for (const name of ["zoë", "ada", "Bo_b", "100%"]) await add(name);
    await add("off", { is_active: 0, invite_hash: "h", invite_expires_at: 50 });
    const everybody = { includeInactive: true };
    const names = async (text?: string) =>
      (await other.stores.users.page({ ...everybody, ...(text !== undefined && { text }) }, 10, 0)).users.map(
        ({ username }) => username,
      );
    assert.deepEqual(await names(), ["100%", "ada", "Bo_b", "off", "zoë"]);
    assert.deepEqual(await names("00%"), ["100%"]);
    assert.deepEqual(await names("o_b"), ["Bo_b"]);
    assert.equal((await other.stores.users.page({ includeInactive: false }, 2, 2)).total, 4);
    assert.equal((await other.stores.users.findByKey("bo_b"))?.created_at, 5);
    assert.equal(await other.stores.users.findByKey("ADA"), null);
    assert.equal((await other.stores.users.findByInvite("h", 40))?.username ?? null, null);
    await assert.rejects(add("ada", { id: "another", email_key: "another" }));
    assert.equal(await stores.users.count(), 5);
  });

  test("rights come from levels, grants and denials, and go with their user", async () => {
    const [{ stores }, other] = sides();
    const level = {
      id: "l1",
      name: "Painter",
      name_key: "painter",
      description: "",
      priority: 7,
      created_at: 1,
    };
    await stores.access.change(async (transaction) => {
      await stores.users.insert(transaction, userRow("painter"));
      await stores.levels.insert(transaction, { ...level, grants: '["job.submit"]' });
      await stores.levels.give(transaction, "painter", "l1");
      await stores.levels.give(transaction, "painter", "l1");
      await stores.levels.override(transaction, "painter", "job.view.own", true);
      await stores.levels.override(transaction, "painter", "job.view.own", false);
      return { answer: undefined, events: [] };
    });
    const rights = await other.stores.rights.ofUser("painter");
    assert.deepEqual(rights, {
      levels: [{ id: "l1", name: "Painter", priority: 7, grants: ["job.submit"] }],
      overrides: [{ permission: "job.view.own", granted: false }],
    });
    assert.equal((await stores.levels.list()).find(({ id }) => id === "l1")?.users, 1);
    await stores.access.change(async (transaction) => {
      await stores.users.remove(transaction, "painter");
      return { answer: undefined, events: [] };
    });
    assert.deepEqual(await other.stores.rights.ofUser("painter"), { levels: [], overrides: [] });
  });

  test("keys and sessions hold until they run out", async () => {
    const [{ stores, db }, other] = sides();
    await stores.users.insert(db, userRow("holder"));
    const key = {
      key_prefix: "st_",
      user_id: "holder",
      name: "k",
      scopes: null,
      created_at: 1,
      last_used_at: null,
    };
    await stores.apiKeys.insert(db, { ...key, id: "k1", key_hash: "a", expires_at: null });
    await stores.apiKeys.insert(db, { ...key, id: "k2", key_hash: "b", expires_at: 100, created_at: 2 });
    assert.equal((await other.stores.apiKeys.findLive("b", 99))?.username, "holder");
    assert.equal(await other.stores.apiKeys.findLive("b", 100), null);
    assert.deepEqual(
      (await other.stores.apiKeys.list("holder")).map(({ id }) => id),
      ["k2", "k1"],
    );
    const times = { created_at: 1, last_seen_at: 1, expires_at: 200, ends_at: 300, idle_ms: 100 };
    await stores.sessions.insert(db, {
      ...times,
      id: "s1",
      token_hash: "t",
      user_id: "holder",
      address: "",
      user_agent: "",
    });
    assert.equal((await other.stores.sessions.findLive("t", 199))?.ends_at, 300);
    assert.equal(await other.stores.sessions.findLive("t", 200), null);
    assert.deepEqual(
      (await other.stores.sessions.expired(201, 5)).map(({ username }) => username),
      ["holder"],
    );
    assert.equal(await stores.sessions.endExpired(db, "s1", 200), true);
    assert.equal(await stores.sessions.endExpired(db, "s1", 200), false);
  });
}

function userRow(name: string): UsersTable {
  return {
    id: name,
    username: name,
    username_key: name.toLowerCase(),
    email: `${name}@example.org`,
    email_key: `${name.toLowerCase()}@example.org`,
    display_name: null,
    auth_source: "password",
    password_hash: "hash",
    is_active: 1,
    invite_hash: null,
    invite_expires_at: null,
    created_at: 5,
    last_login_at: null,
  };
}
