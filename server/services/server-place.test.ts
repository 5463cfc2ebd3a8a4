import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { StartError } from "../config/values.ts";
import type { JobDatabase } from "../db/job-database.ts";
import { openDatabase } from "../db/open-database.ts";
import { serverStore } from "../db/stores/servers.ts";
import { databaseSkip, type FreshDatabase, freshDatabase } from "../testing/test-database.ts";
import { serverPlace } from "./server-place.ts";

const goneMs = 600;

for (const kind of ["postgres", "mariadb"] as const)
  describe(`a server's place in a database on ${kind}`, { skip: databaseSkip(kind) }, () => {
    let folder: string;
    let database: FreshDatabase;
    let db: JobDatabase;
    let waits: string[];
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "place "));
      database = await freshDatabase(kind, folder);
      db = await openDatabase(database.address, Date.now);
    });
    after(async () => {
      await db.destroy();
      await database.drop();
      await rm(folder, { recursive: true, force: true });
    });
    beforeEach(() => {
      waits = [];
    });
    afterEach(() => db.deleteFrom("servers").execute());

    let runs = 0;
    const placeOf = (serverId: string, isShared = false) => {
      const servers = serverStore(db);
      assert.ok(servers);
      const self = { serverId, runId: `run ${runs++}`, isShared, place: `${serverId}:/state` };
      const onWait = ({ place }: { place: string }) => void waits.push(place);
      return serverPlace({ servers, self, shownDatabase: "the test's", onWait, goneMs });
    };
    const inTheWay = (name: string) => (error: unknown) =>
      error instanceof StartError &&
      error.message.startsWith(
        `Another server (${name}:/state) already uses the database the test's. Stop it`,
      );
    /** Keeps a place up as a server does. */
    const beating = (place: ReturnType<typeof placeOf>) => {
      const timer = setInterval(() => void place.keep().catch(() => clearInterval(timer)), goneMs / 6);
      return () => clearInterval(timer);
    };
    const took = async (work: () => Promise<void>): Promise<number> => {
      const from = performance.now();
      await work();
      return performance.now() - from;
    };
    const putOff = (byMs: number) =>
      db
        .updateTable("servers")
        .set((row) => ({ seen_at: row("seen_at", "+", byMs) }))
        .execute();

    test("is refused to another as long as it is kept, and free once it is given back", async () => {
      const first = placeOf("a");
      await first.take();
      const stop = beating(first);
      await assert.rejects(placeOf("b").take(), inTheWay("a"));
      assert.deepEqual(waits, ["a:/state"]);
      stop();
      await first.keep();
      await first.leave();
      assert.ok((await took(() => placeOf("b").take())) < goneMs);
    });

    test("of one that died is taken after a while, whatever the clocks say, and by the same server at once", async () => {
      await placeOf("a").take();
      assert.ok((await took(() => placeOf("a").take())) < goneMs, "the same server");
      const waited = await took(() => placeOf("b").take());
      assert.ok(waited >= goneMs / 2 && waited < 10 * goneMs, `${waited} ms`);
      await putOff(3_600_000);
      assert.ok((await took(() => placeOf("c").take())) >= goneMs, "the database's clock went back");
      await putOff(-goneMs);
      waits = [];
      assert.ok((await took(() => placeOf("d").take())) < goneMs, "one that died long ago");
      assert.deepEqual(waits, []);
    });

    test("that another one took, as while this one slept, is told to this one", async () => {
      const [asleep, awake] = [placeOf("a"), placeOf("b")];
      await asleep.take();
      await putOff(-goneMs);
      await awake.take();
      await assert.rejects(asleep.keep(), inTheWay("b"));
      await awake.keep();
      // The same folder, copied to a machine of the same name: the later start has it.
      const copy = placeOf("b");
      await copy.take();
      await assert.rejects(awake.keep(), inTheWay("b"));
      // A row that is gone for another reason is made again.
      await copy.leave();
      await copy.keep();
      await assert.rejects(asleep.keep(), inTheWay("b"));
    });

    test("is shared by those that share their work, and by them alone", async () => {
      const [one, two] = [placeOf("a", true), placeOf("b", true)];
      await Promise.all([one.take(), two.take()]);
      const stops = [beating(one), beating(two)];
      await assert.rejects(placeOf("c").take(), inTheWay("a"));
      for (const stop of stops) stop();
      await Promise.all([one.leave(), two.leave()]);
      const single = placeOf("c");
      await single.take();
      const stop = beating(single);
      await assert.rejects(placeOf("d", true).take(), inTheWay("c"));
      stop();
    });

    test("goes to one of those that start at the same moment", async () => {
      const places = ["a", "b", "c", "d"].map((name) => placeOf(name));
      const stops: (() => void)[] = [];
      const outcomes = await Promise.allSettled(
        places.map(async (place) => {
          await place.take();
          stops.push(beating(place));
        }),
      );
      for (const stop of stops) stop();
      const refused = outcomes.filter(({ status }) => status === "rejected");
      assert.equal(refused.length, 3);
    });
  });
