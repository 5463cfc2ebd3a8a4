import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { serverIdentity } from "./app/server-identity.ts";
import { readConfig } from "./config.ts";
import { type StatePaths, statePaths } from "./config/state-paths.ts";
import { StartError } from "./config/values.ts";
import { credentialKeys, type KeyPlace, keyPlace, keysIn } from "./credential-key.ts";
import type { JobDatabase } from "./db/job-database.ts";
import { openDatabase } from "./db/open-database.ts";
import {
  columnsUnderOtherKeys,
  reseal,
  type ResealCount,
  type SealedCounts,
  sealedCounts,
} from "./db/reseal.ts";
import { openStores, type Stores } from "./db/stores/open-stores.ts";
import type { KeyHolder } from "./db/stores/key-holders.ts";
import type { SharedKeyRing } from "./domain/key-ring.ts";
import { secretBox } from "./domain/sealed-secret.ts";
import { isLocked, tryLock } from "./state-lock.ts";

/** Servers that run take a new key up within seconds; one that has none is named after so long. */
const longestWaitMs = 30_000;
const lookAgainMs = 250;
/** A change that began before a server took the new key up is over by then. */
const graceMs = 1_000;

/** Where the database and the keys are. */
export interface RotationPlace {
  stateDir: string;
  env: NodeJS.ProcessEnv;
  /** Told how many rows were looked at, again and again. */
  onRows?: (rows: number) => void;
  /** How long servers are waited for; default 30 s. */
  waitMs?: number;
}

/** What a rotation came to. */
export interface Rotation {
  keyId: string;
  /** An earlier one had been cut off, and this one went on with it. */
  resumed: boolean;
  moved: number;
  kept: number;
  unreadable: ResealCount["unreadable"];
  /** Where the keys are, for a sentence. */
  keysIn: string;
}

/** What is known of the keys. */
export interface KeyState {
  keysIn: string;
  /** The one that should seal first. */
  keyIds: string[];
  /** A rotation was cut off. */
  underWay: boolean;
  sealed: SealedCounts;
  servers: KeyHolder[];
}

/**
 * Seals everything that is sealed at rest with a new key. Servers may run: they open with both keys all the while. Cut off
 * anywhere, the next call goes on. The old key stays where it is, behind the new one, because backups need it, until
 * {@link forgetOldKeys}. Where keys are given from outside, the new one has to be there first. Throws {@link StartError}.
 */
export async function rotateCredentialKey(place: RotationPlace): Promise<Rotation> {
  return alone(place, async ({ stores, db, paths, source }) => {
    const resumed = source.ownFile === null ? false : beginRotation(source.ownFile);
    const ring = credentialKeys(paths.credentialKey, place.env);
    const keyId = ring.all()[0]?.id ?? "";
    if (source.ownFile === null) await expectWork(source, ring, db, keyId);
    ring.agree(new Set([keyId]));
    await heldEverywhere(stores, paths, place, keyId);
    const { moved, kept, unreadable } = await resealAll(db, ring, place.onRows);
    if (source.ownFile !== null) endRotation(source.ownFile);
    await stores.serverEvents.append("secrets.key_rotated", {
      key_id: keyId,
      moved,
      unreadable: unreadable.length,
      by: userInfo().username,
    });
    return { keyId, resumed, moved, kept, unreadable, keysIn: source.name };
  });
}

/** Which keys there are, what each has sealed, and which servers hold them; changes nothing. */
export async function credentialKeyState(place: RotationPlace): Promise<KeyState> {
  return alone(place, async ({ db, stores, paths, source }) => ({
    keysIn: source.name,
    keyIds: credentialKeys(paths.credentialKey, place.env)
      .all()
      .map(({ id }) => id),
    underWay: source.ownFile !== null && isUnderWay(source.read()),
    sealed: await sealedCounts(db),
    servers: await stores.keyHolders.live(),
  }));
}

/**
 * Takes every key but the first out of the key file, once nothing in the database needs them. Backups made under them can
 * be restored afterwards only with a copy of the key. Throws {@link StartError}.
 */
export async function forgetOldKeys(place: RotationPlace): Promise<{ forgotten: string[] }> {
  return alone(place, async ({ db, stores, paths, source }) => {
    const [first, ...old] = credentialKeys(paths.credentialKey, place.env).all();
    const keyId = first?.id ?? "";
    if (source.ownFile !== null && isUnderWay(source.read()))
      throw new StartError("A rotation was cut off. Finish it first: simpletuner-cloud secrets rotate-key");
    await heldEverywhere(stores, paths, place, keyId);
    const needed = await columnsUnderOtherKeys(db, keyId);
    if (needed.length > 0)
      throw new StartError(
        `Old keys are still needed for ${needed.join(", ")}. Run first: simpletuner-cloud secrets rotate-key`,
      );
    const forgotten = old.map(({ id }) => id);
    if (source.ownFile === null) {
      if (old.length > 0)
        throw new StartError(
          `Nothing in the database needs the keys behind the first any more (${forgotten.join(", ")}). Take them out of ${source.name}.`,
        );
    } else if (old.length > 0) {
      writeKeys(source.ownFile, keysIn(source.read()).slice(0, 1), false);
      await stores.serverEvents.append("secrets.keys_forgotten", {
        key_ids: forgotten,
        by: userInfo().username,
      });
    }
    return { forgotten };
  });
}

interface Opened {
  db: JobDatabase;
  stores: Stores;
  paths: StatePaths;
  source: KeyPlace;
}

/** Opens the database beside a server that may run; one such work at a time on this machine. */
async function alone<Answer>(
  { stateDir, env }: RotationPlace,
  work: (opened: Opened) => Promise<Answer>,
): Promise<Answer> {
  const { database, outbound } = readConfig(env);
  const paths = statePaths(stateDir);
  if (database === null && !existsSync(paths.database))
    throw new StartError(`There is no database in ${stateDir}. Name the folder with --state-dir.`);
  const unlock = tryLock(paths.keyLock);
  if (unlock === null) throw new StartError("Another process works on the keys of this state directory.");
  try {
    const db = await openDatabase(database ?? paths.database, Date.now, outbound);
    const nobody = (): void => undefined;
    const stores = openStores(db, Date.now, nobody, nobody);
    try {
      return await work({ db, stores, paths, source: keyPlace(paths.credentialKey, env) });
    } finally {
      await db.destroy();
    }
  } finally {
    unlock();
  }
}

/** Keys from outside: there has to be something to do, or the way to it is told. */
async function expectWork(
  source: KeyPlace,
  ring: SharedKeyRing,
  db: JobDatabase,
  keyId: string,
): Promise<void> {
  if (ring.all().length > 1 || (await columnsUnderOtherKeys(db, keyId)).length > 0) return;
  throw new StartError(
    `The key comes from ${source.name} and is the only one there. Put a new one before it, keep the old one behind it (NEW,OLD), let every server take that up, and run this again. Make one with: openssl rand -base64 32`,
  );
}

/** Waits until every server of the database seals with the key; throws and names those that do not hold it. */
async function heldEverywhere(
  { keyHolders }: Stores,
  paths: StatePaths,
  place: RotationPlace,
  keyId: string,
): Promise<void> {
  const own = serverIdentity(place.stateDir).serverId;
  // One that was killed a moment ago still seems to be there.
  if (!isLocked(paths.lock)) await keyHolders.remove(own);
  for (const until = performance.now() + (place.waitMs ?? longestWaitMs); ;) {
    const late = (await keyHolders.live()).filter(({ sealsWith }) => sealsWith !== keyId);
    if (late.length === 0) return;
    if (performance.now() >= until)
      throw new StartError(
        `These servers do not seal with the new key ${keyId} yet: ${late.map((holder) => holder.place).join("; ")}. Give them the key, or wait three minutes for one that is gone, and run this again. Both keys open everything until then.`,
      );
    await delay(lookAgainMs);
  }
}

/** Looks at everything until nothing is under another key, and once more after what was under way. */
async function resealAll(
  db: JobDatabase,
  ring: SharedKeyRing,
  onRows: ((rows: number) => void) | undefined,
): Promise<ResealCount> {
  const box = secretBox(ring);
  let moved = 0;
  for (let quiet = 0; ;) {
    const round = await reseal(db, box, onRows);
    moved += round.moved;
    quiet = round.moved + round.missed === 0 ? quiet + 1 : 0;
    if (quiet === 2) return { ...round, moved, kept: Math.max(0, round.kept - moved) };
    if (round.missed === 0) await delay(graceMs);
  }
}

/** Stands in the key file while values are moved from the second key to the first. */
const underWayLine = "# rotation under way";
const isUnderWay = (text: string): boolean => text.split("\n").some((line) => line.trim() === underWayLine);

/** Puts a new key before the others, on the disk before anything is sealed with it; true: there was one that is not done. */
function beginRotation(file: string): boolean {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  if (isUnderWay(text)) return true;
  writeKeys(file, [randomBytes(32).toString("base64"), ...keysIn(text)], true);
  return false;
}

function endRotation(file: string): void {
  writeKeys(file, keysIn(readFileSync(file, "utf8")), false);
}

function writeKeys(file: string, keys: readonly string[], underWay: boolean): void {
  const lines = [
    "# The first key seals; the others open what was sealed before, also in backups. Keep a copy of this file.",
    ...(underWay ? [underWayLine] : []),
    ...keys,
  ];
  const temporary = `${file}.${process.pid}.new`;
  writeFileSync(temporary, `${lines.join("\n")}\n`, { flag: "w", mode: 0o600, flush: true });
  renameSync(temporary, file);
  const folder = openSync(dirname(file), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
