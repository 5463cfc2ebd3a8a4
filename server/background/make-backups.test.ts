import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { BackupInfo } from "@simpletuner-cloud/contract/backups.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import type { Loop } from "./loop.ts";
import { makeBackups } from "./make-backups.ts";

describe("backups that are made by themselves", () => {
  const hourMs = 3_600_000;
  let nowMs: number;
  let kept: BackupInfo[];
  let problem: string | null;
  let settings: Record<string, unknown>;
  let loop: Loop;
  const infoOf = (created_by: string): BackupInfo => ({
    id: String(nowMs),
    name: null,
    description: null,
    created_at: new Date(nowMs).toISOString(),
    created_by,
    size_bytes: 1,
    components: [],
    path: "",
    copied_to: null,
  });

  beforeEach(() => {
    nowMs = Date.parse("2026-05-01T00:00:00Z");
    kept = [];
    problem = null;
    settings = { backupEveryHours: 12, backupKeepDays: 2, backupLastError: null };
    loop = makeBackups({
      backups: {
        list: async () => kept,
        async make(_, by) {
          if (problem !== null) throw new Error(problem);
          kept = [infoOf(by), ...kept];
          return infoOf(by);
        },
        remove: async (id) => void (kept = kept.filter((each) => each.id !== id)),
      },
      settings: {
        get: async (name: string) => settings[name],
        set: async (changes: Record<string, unknown>) => void Object.assign(settings, changes),
      } as unknown as SettingStore,
      now: () => nowMs,
      log: { warn: () => undefined },
      stopping: AbortSignal.abort(),
    });
  });

  it("come when they are due and go when they are old, but never those made by hand", async () => {
    kept = [infoOf("ada")];
    nowMs += 1;
    for (let hour = 0; hour < 96; hour++) {
      await loop.runOnce();
      nowMs += hourMs;
    }
    const ages = kept.map(({ created_at, created_by }) => [
      created_by,
      Math.round((nowMs - Date.parse(created_at)) / hourMs),
    ]);
    assert.deepEqual(ages, [
      ["schedule", 12],
      ["schedule", 24],
      ["schedule", 36],
      ["schedule", 48],
      ["ada", 96],
    ]);
    settings["backupEveryHours"] = null;
    nowMs += 1_000 * hourMs;
    await loop.runOnce();
    assert.equal(kept.length, 5);
  });

  it("tell why one failed until one is made, and keep the newest however old it is", async () => {
    await loop.runOnce();
    problem = "the disk is full";
    nowMs += 500 * hourMs;
    await loop.runOnce();
    assert.deepEqual([kept.length, settings["backupLastError"]], [1, "the disk is full"]);
    problem = null;
    await loop.runOnce();
    assert.deepEqual([kept.length, settings["backupLastError"]], [1, null]);
  });

  it("are not made twice when the clock goes back", async () => {
    await loop.runOnce();
    nowMs -= 100 * hourMs;
    await loop.runOnce();
    assert.equal(kept.length, 1);
  });
});
