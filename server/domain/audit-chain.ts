import { createHmac, createSecretKey, timingSafeEqual } from "node:crypto";

/** Everything an entry of the audit says; all of it is under its hash. */
export interface AuditRecord {
  /** Its place in the chain, counted from 1 without gaps. */
  id: number;
  /** Number of the event it was made of. */
  eventId: number;
  atMs: number;
  type: string;
  actorId: string | null;
  actorName: string | null;
  address: string | null;
  targetType: string | null;
  targetId: string | null;
  targetName: string | null;
  /** JSON text. */
  data: string;
}

/** A record in its place in the chain. */
export interface SealedRecord extends AuditRecord {
  keyId: string;
  hash: string;
}

/** Where a chain starts: nothing came before, or entries up to `id` are in an archive. */
export interface ChainStart {
  id: number;
  hash: string;
}

/** The start of a chain that nothing was archived of. */
export const genesis: ChainStart = { id: 0, hash: "genesis" };

/** Seals entries of the audit and tells whether they are as they were sealed. */
export interface AuditSealer {
  /** Tells, without holding it, which key seals. */
  keyId: string;
  /** HMAC-SHA256 over every field and the hash before, in hexadecimal. */
  hashOf(record: AuditRecord, previous: string): string;
  /** Proves that a chain's start was set by who has the key. */
  startProof(start: ChainStart): string;
  isStart(start: ChainStart, proof: string): boolean;
}

/** A sealer with this 32-byte key. A JSON list keeps fields apart whatever is in them. */
export function auditSealer(key: Buffer): AuditSealer {
  // Made once: Node takes several times longer to make a key of bytes than to hash an entry with it.
  const secret = createSecretKey(key);
  const hmac = (fields: readonly unknown[]): string =>
    createHmac("sha256", secret).update(JSON.stringify(fields)).digest("hex");
  const startProof = ({ id, hash }: ChainStart): string => hmac(["start", id, hash]);
  return {
    keyId: hmac(["key"]).slice(0, 16),
    hashOf: (record, previous) =>
      hmac([
        "entry",
        record.id,
        record.eventId,
        record.atMs,
        record.type,
        record.actorId,
        record.actorName,
        record.address,
        record.targetType,
        record.targetId,
        record.targetName,
        record.data,
        previous,
      ]),
    startProof,
    isStart(start, proof) {
      const [right, given] = [Buffer.from(startProof(start)), Buffer.from(proof)];
      return right.length === given.length && timingSafeEqual(right, given);
    },
  };
}

/** A place where a chain does not hold, from one entry to another. */
export interface ChainBreak {
  id: number;
  lastId: number;
  reason: "changed" | "missing" | "cut_off" | "other_key";
}

/**
 * Walks a chain in order from the entry after `from`. After a break it goes on with what it found, so each is told once;
 * of neighbours with the same trouble one is made.
 */
export function chainWalk(sealer: AuditSealer, from: ChainStart) {
  const breaks: ChainBreak[] = [];
  let { id: at, hash: previous } = from;
  let checked = 0;
  const tell = (id: number, lastId: number, reason: ChainBreak["reason"]): void => {
    const last = breaks.at(-1);
    if (last && last.reason === reason && last.lastId === id - 1) last.lastId = lastId;
    else breaks.push({ id, lastId, reason });
  };
  return {
    breaks,
    tell,
    checked: () => checked,
    /** The last entry that was looked at. */
    position: (): ChainStart => ({ id: at, hash: previous }),
    take(record: SealedRecord): void {
      checked++;
      if (record.id !== at + 1) tell(at + 1, record.id - 1, "missing");
      else if (record.keyId !== sealer.keyId) tell(record.id, record.id, "other_key");
      else if (sealer.hashOf(record, previous) !== record.hash) tell(record.id, record.id, "changed");
      at = record.id;
      previous = record.hash;
    },
  };
}
