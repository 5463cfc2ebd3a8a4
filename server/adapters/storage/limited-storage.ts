import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Body, ObjectStorage } from "./storage.ts";

/** What may still be stored in one account, beside the uploads that are running. */
export interface Quota {
  /** Names the account in errors and tells uploads of the same account: `job abc`. */
  account: string;
  limitBytes: number;
  /** Stored in the account when it was asked. */
  usedBytes: number;
}

/** Knows what counts against what; told of every change so that it need not measure each time. */
export interface QuotaAccounts {
  /**
   * The quotas that an object at this key counts against; none: it is free. What is used may be a little too much,
   * but not when it `mustBeExact`: it is measured anew then.
   */
  quotasOf(bucket: string, key: string, mustBeExact: boolean): Promise<readonly Quota[]>;
  /** Bytes of an object or of a part of one were stored. */
  onStored(bucket: string, key: string, sizeBytes: number): void;
  /** Something whose key is, or starts with, `prefix` went away, or was replaced. */
  onRemoved(bucket: string, prefix: string): void;
}

interface Reservation {
  /** Throws `quota_exceeded` once more came than fits. */
  take(bytes: number): void;
  end(): void;
}

/**
 * `storage` that takes in what fits and no more: declared lengths are reserved before a body is read, so that uploads
 * that run at the same time do not fill the disk or a quota together, and bodies of unknown length are counted as
 * they come. Refuses with `disk_full` and `quota_exceeded`; then nothing is stored.
 */
export function limitedStorage<Storage extends ObjectStorage>(
  storage: Storage,
  accounts: QuotaAccounts | null,
): Storage {
  const reserve = reservations(storage, accounts);
  return {
    ...storage,
    async putObject(input) {
      const { bucket, key } = input;
      const reservation = await reserve(bucket, key, input.declaredBytes ?? 0);
      try {
        const stored = await storage.putObject({ ...input, body: counted(input.body, reservation) });
        accounts?.onStored(bucket, key, stored.sizeBytes);
        return stored;
      } finally {
        reservation.end();
      }
    },
    async putPart(input) {
      const { bucket, key } = input;
      const reservation = await reserve(bucket, key, input.declaredBytes ?? 0);
      try {
        const stored = await storage.putPart({ ...input, body: counted(input.body, reservation) });
        accounts?.onStored(bucket, key, stored.sizeBytes);
        return stored;
      } finally {
        reservation.end();
      }
    },
    async checkSpace(bytes, target) {
      const { bucket, key } = target ?? {};
      if (bucket === undefined || key === undefined) return storage.checkSpace(bytes);
      (await reserve(bucket, key, bytes)).end();
    },
    ...removing(storage, accounts),
  };
}

type Removing = Pick<ObjectStorage, "completeUpload" | "abortUpload" | "deleteObject" | "deletePrefix">;

function removing(storage: ObjectStorage, accounts: QuotaAccounts | null): Removing {
  return {
    async completeUpload(input) {
      const stored = await storage.completeUpload(input);
      // Parts that were left out, and what the object replaces, are gone.
      accounts?.onRemoved(input.bucket, input.key);
      return stored;
    },
    async abortUpload(ref) {
      await storage.abortUpload(ref);
      accounts?.onRemoved(ref.bucket, ref.key);
    },
    async deleteObject(bucket, key, conditions) {
      const isDeleted = await storage.deleteObject(bucket, key, conditions);
      if (isDeleted) accounts?.onRemoved(bucket, key);
      return isDeleted;
    },
    async deletePrefix(bucket, prefix) {
      const deleted = await storage.deletePrefix(bucket, prefix);
      accounts?.onRemoved(bucket, prefix);
      return deleted;
    },
  };
}

type Reserve = (bucket: string, key: string, declaredBytes: number) => Promise<Reservation>;

function reservations(storage: ObjectStorage, accounts: QuotaAccounts | null): Reserve {
  /** Declared bytes that have not arrived yet. */
  let awaitedBytes = 0;
  /** Bytes of running uploads by account. */
  const running = new Map<string, number>();
  const add = (quotas: readonly Quota[], bytes: number): void => {
    for (const { account } of quotas) {
      const sum = (running.get(account) ?? 0) + bytes;
      if (sum === 0) running.delete(account);
      else running.set(account, sum);
    }
  };
  const exceeded = (quotas: readonly Quota[], replacedBytes: number): Quota | undefined =>
    quotas.find(
      ({ account, limitBytes, usedBytes }) =>
        usedBytes - replacedBytes + (running.get(account) ?? 0) > limitBytes,
    );
  return async (bucket, key, declaredBytes) => {
    let quotas = (await accounts?.quotasOf(bucket, key, false)) ?? [];
    let replacedBytes = 0;
    let awaited = declaredBytes;
    let held = declaredBytes;
    awaitedBytes += awaited;
    add(quotas, held);
    const end = (): void => {
      awaitedBytes -= awaited;
      add(quotas, -held);
      awaited = 0;
      held = 0;
    };
    try {
      if (accounts !== null && exceeded(quotas, 0) !== undefined) {
        replacedBytes = (await storage.headObject(bucket, key))?.sizeBytes ?? 0;
        // The same accounts: only their figures are new.
        quotas = await accounts.quotasOf(bucket, key, true);
      }
      const over = exceeded(quotas, replacedBytes);
      if (over !== undefined) throw quotaExceeded(over);
      await storage.checkSpace(awaitedBytes);
    } catch (error) {
      end();
      throw error;
    }
    return {
      take(bytes) {
        const expected = Math.min(bytes, awaited);
        awaited -= expected;
        awaitedBytes -= expected;
        if (bytes === expected) return;
        held += bytes - expected;
        add(quotas, bytes - expected);
        const over = exceeded(quotas, replacedBytes);
        if (over !== undefined) throw quotaExceeded(over);
      },
      end,
    };
  };
}

function quotaExceeded({ account, limitBytes, usedBytes }: Quota): Error {
  return fail("quota_exceeded", { account, limit_bytes: limitBytes, used_bytes: usedBytes });
}

function counted(body: Body, reservation: Reservation): Body {
  return {
    ...(body.isVouchedFor === true && { isVouchedFor: true }),
    release: (chunk) => body.release?.(chunk),
    [Symbol.asyncIterator]() {
      const chunks = body[Symbol.asyncIterator]();
      return {
        async next() {
          const result = await chunks.next();
          if (result.done !== true) reservation.take(result.value.byteLength);
          return result;
        },
        async return() {
          await chunks.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
