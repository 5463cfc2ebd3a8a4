import type { Logger } from "pino";
import { announceEveryMs, type KeyHolderStore } from "../db/stores/key-holders.ts";
import type { SharedKeyRing } from "../domain/key-ring.ts";
import { type Loop, type LoopOptions, startLoop } from "./loop.ts";

/** A key that was added counts so soon. */
const everyMs = 2_000;

/** What sharing keys needs. */
export interface ShareKeysOptions {
  keyRing: SharedKeyRing;
  keyHolders: KeyHolderStore;
  /** This server and where it is. */
  server: { serverId: string; place: string };
  log: Pick<Logger, "warn">;
  stopping: AbortSignal;
  traces?: LoopOptions["traces"];
}

/**
 * Tells which keys this server holds, and seals with the first one that every server of the database holds, so that a new
 * key may reach them one after the other. Looks at a key file that changes.
 */
export function shareKeys({ keyRing, keyHolders, server, log, stopping, traces }: ShareKeysOptions): Loop {
  let told = "";
  let toldAt = -Infinity;
  const tell = async (): Promise<void> => {
    const keyIds = keyRing.all().map(({ id }) => id);
    const sealsWith = keyRing.current().id;
    const text = [...keyIds, sealsWith].join();
    if (text === told && performance.now() - toldAt < announceEveryMs) return;
    await keyHolders.announce({ ...server, keyIds, sealsWith });
    told = text;
    toldAt = performance.now();
  };
  const missing = new Set<string>();
  const round = async (): Promise<void> => {
    keyRing.lookAgain();
    await tell();
    const others = (await keyHolders.live()).filter(({ serverId }) => serverId !== server.serverId);
    const own = keyRing.all().map(({ id }) => id);
    keyRing.agree(new Set(own.filter((id) => others.every(({ keyIds }) => keyIds.includes(id)))));
    for (const { sealsWith, place } of others)
      if (!own.includes(sealsWith) && !missing.has(sealsWith)) {
        missing.add(sealsWith);
        log.warn(
          { key_id: sealsWith, server: place },
          "another server seals with a key that this one does not hold",
        );
      }
    await tell();
  };
  return startLoop({ name: "sharing the keys of secrets", everyMs, round, log, stopping, traces });
}
