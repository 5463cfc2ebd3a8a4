import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  databaseSkip,
  type FreshDatabase,
  freshDatabase,
  type TestDatabaseKind,
} from "../testing/test-database.ts";
import { verifyDatabase } from "./care/verify-database.ts";
import type { JobDatabase } from "./job-database.ts";
import { openDatabase } from "./open-database.ts";
import { openStores, type Stores } from "./stores/open-stores.ts";
import { accountPromises } from "./testing/account-promises.ts";
import { auditPromises } from "./testing/audit-promises.ts";
import { carePromises } from "./testing/care-promises.ts";
import { jobPromises } from "./testing/job-promises.ts";
import { moneyPromises } from "./testing/money-promises.ts";
import { schemaPromises } from "./testing/schema-promises.ts";
import { settingPromises } from "./testing/setting-promises.ts";
import { textPromises } from "./testing/text-promises.ts";

/** One of several users of a database at the same time, with connections of its own where the database allows it. */
export interface Side {
  readonly db: JobDatabase;
  readonly stores: Stores;
}

/** What a part of the suite works with. */
export interface Bench {
  /** Two sides of one database; with SQLite they share its one connection. */
  sides(): readonly [Side, Side];
  /** An empty database beside, which is removed with the others. */
  another(): Promise<FreshDatabase>;
}

/** What every store promises on every database, also when several processes work at once. */
export function databaseConformance(kind: TestDatabaseKind): void {
  describe(`the database in ${kind}`, { skip: databaseSkip(kind) }, () => {
    let folder: string;
    let sides: [Side, Side];
    const made: FreshDatabase[] = [];
    const another = async (): Promise<FreshDatabase> => {
      const fresh = await freshDatabase(kind, folder);
      made.push(fresh);
      return fresh;
    };
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "conformance "));
      const { address } = await another();
      const first = sideOf(await openDatabase(address, Date.now));
      sides = [first, kind === "sqlite" ? first : sideOf(await openDatabase(address, Date.now))];
    });
    after(async () => {
      for (const { db } of new Set(sides)) await db.destroy();
      for (const fresh of made) await fresh.drop();
      await rm(folder, { recursive: true, force: true });
    });
    const bench: Bench = { sides: () => sides, another };
    schemaPromises(kind, bench);
    jobPromises(bench);
    moneyPromises(bench);
    accountPromises(bench);
    settingPromises(bench);
    textPromises(bench);
    auditPromises(bench);
    carePromises(kind, bench);
    test("is sound after all of this", async () => {
      const [{ db }] = sides;
      assert.deepEqual((await verifyDatabase(db, db.engine.kind)).problems, []);
    });
  });
}

function sideOf(db: JobDatabase): Side {
  const nothing = (): void => undefined;
  return { db, stores: openStores(db, Date.now, nothing, nothing) };
}
