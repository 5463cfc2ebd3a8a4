import { createHmac } from "node:crypto";

/** A master key with what is derived from it. */
export interface MasterKey {
  /** Sixteen characters that tell keys apart without telling anything of them. */
  readonly id: string;
  readonly sealKey: Buffer;
  /** HMAC-SHA256 of the parts under a key for this purpose, as base64url. */
  sign(purpose: string, parts: readonly string[]): string;
}

/** Keys that are held: one seals, all open. They may change while the process runs. */
export interface KeyRing {
  /** The key that seals and signs now. */
  current(): MasterKey;
  /** Every key, the one that should seal first. */
  all(): readonly MasterKey[];
  /** Looks again where the keys come from, since one was met that is not here. */
  refresh(): void;
}

/** A ring whose sealing key is agreed on with the other servers of the same database. */
export interface SharedKeyRing extends KeyRing {
  /** Looks again where the keys come from; throws when what is there is no key, and keeps what it had. */
  lookAgain(): void;
  /** From here on seals the first key of the ring that is among `heldByAll`; without any such the ring's first. */
  agree(heldByAll: ReadonlySet<string>): void;
}

/** A key of 32 bytes. */
export function masterKey(bytes: Buffer): MasterKey {
  const derive = (purpose: string) => createHmac("sha256", bytes).update(`key:${purpose}`).digest();
  const sign = (purpose: string, parts: readonly string[]) =>
    createHmac("sha256", derive(`sign:${purpose}`))
      .update(JSON.stringify(parts))
      .digest("base64url");
  return { id: sign("fingerprint", []).slice(0, 16), sealKey: derive("seal"), sign };
}
