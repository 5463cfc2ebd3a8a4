import { readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { AuditEntryStore } from "../db/stores/audit-entries.ts";
import {
  type AuditSealer,
  type ChainBreak,
  type ChainStart,
  chainWalk,
  genesis,
} from "../domain/audit-chain.ts";
import { folderTrouble } from "./folder-trouble.ts";

/** Entries that are read and checked at once. */
const pageEntries = 2_000;

/** What the audit needs. */
export interface AuditLogOptions {
  auditEntries: AuditEntryStore;
  sealer: AuditSealer;
  /** Remembers outside the database how far the chain has come, so that taking its end away shows. */
  headFile: string;
}

/** What a check of the chain found. */
export interface ChainCheck {
  checked: number;
  breaks: readonly ChainBreak[];
  firstId: number | null;
  lastId: number | null;
}

/** Seals what happened into the chain and checks it. */
export function auditLog({ auditEntries, sealer, headFile }: AuditLogOptions) {
  let running: Promise<void> | null = null;
  const sealAll = async (): Promise<void> => {
    let any = false;
    for (let done = false; !done;) {
      const round = await auditEntries.seal(sealer);
      any ||= round.sealed > 0;
      done = round.done;
    }
    if (any) await rememberHead(headFile, (await auditEntries.chain()).last);
  };
  return {
    /**
     * Seals everything that was committed before the call. Safe on several servers at once; a crash leaves events that the
     * next call seals.
     */
    async seal(): Promise<void> {
      // The round under way may have looked before the caller's events were there.
      await running?.catch(() => undefined);
      running ??= sealAll().finally(() => (running = null));
      await running;
    },
    /** After a restore: the chain is as long as it was in the backup. */
    async forgetHead(): Promise<void> {
      await rememberHead(headFile, (await auditEntries.chain()).last);
    },
    /** Checks entries from `first` to `last`, by default all there are. */
    async verify(first?: number, last?: number): Promise<ChainCheck> {
      const chain = await auditEntries.chain();
      const from = await startOf(auditEntries, chain.start, first);
      const end = Math.min(last ?? chain.last.id, chain.last.id);
      const walk = chainWalk(sealer, from);
      const moved = chain.start.id !== 0 || chain.start.hash !== genesis.hash;
      if (moved && !sealer.isStart(chain.start, chain.startProof)) walk.tell(1, chain.start.id, "missing");
      let firstId: number | null = null;
      for (;;) {
        const page = await auditEntries.after(walk.position().id, end, pageEntries);
        firstId ??= page[0]?.id ?? null;
        for (const record of page) walk.take(record);
        if (page.length < pageEntries) break;
      }
      const position = walk.position();
      if (position.id < end) walk.tell(position.id + 1, end, "cut_off");
      if (last === undefined) await checkEnd(auditEntries, walk.tell, position, await knownHead(headFile));
      return {
        checked: walk.checked(),
        breaks: walk.breaks,
        firstId,
        lastId: walk.checked() === 0 ? null : position.id,
      };
    },
  };
}

/** See {@link auditLog}. */
export type AuditLog = ReturnType<typeof auditLog>;

/** The entry before the first that is to be checked. */
async function startOf(entries: AuditEntryStore, start: ChainStart, first = 1): Promise<ChainStart> {
  if (first <= start.id + 1) return start;
  const [before] = await entries.after(first - 2, first - 1, 1);
  return before ? { id: before.id, hash: before.hash } : start;
}

async function checkEnd(
  entries: AuditEntryStore,
  tell: (id: number, lastId: number, reason: ChainBreak["reason"]) => void,
  position: ChainStart,
  known: ChainStart | null,
): Promise<void> {
  if (known === null) return;
  if (known.id > position.id) return tell(position.id + 1, known.id, "cut_off");
  const [entry] = await entries.after(known.id - 1, known.id, 1);
  if (entry && entry.hash !== known.hash) tell(known.id, known.id, "changed");
}

async function knownHead(path: string): Promise<ChainStart | null> {
  try {
    const { id, hash } = JSON.parse(await readFile(path, "utf8")) as ChainStart;
    return { id, hash };
  } catch (error) {
    // A power cut may leave it empty; the chain itself is checked all the same.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

async function rememberHead(path: string, head: ChainStart): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  try {
    await writeFile(temporary, JSON.stringify(head), { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    throw folderTrouble(error, { path: dirname(path), setting: "SIMPLETUNER_STATE_DIR" });
  }
}
