import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { DatabaseServerAddress } from "../../config/database.ts";

/** How a database server is used. */
export interface ServerEngineOptions {
  readonly address: DatabaseServerAddress;
  /** PEM of authorities to trust beside the known ones where the address names none. */
  readonly caBundle: string | null;
  /** Told of connections that break while nobody uses them. */
  readonly onError: (error: unknown) => void;
}

/** So long a statement of a request or of a loop may take, in milliseconds. */
export const statementMs = 60_000;
/** So long it may wait for what another one holds. */
export const lockMs = 20_000;
/** So long a connection may take to be made or to become free. */
export const connectMs = 10_000;

/**
 * So many connections at once. Whoever waits too long for one is told so; drivers wait for ever, or do not tell a full
 * pool from a silent server.
 */
export class Places {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves when there is a place; throws `database_busy` when there is none for {@link connectMs}. */
  async take(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(go);
        reject(fail("database_busy", { reason: "every connection is in use" }));
      }, connectMs);
      const go = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#waiting.add(go);
    });
  }

  /** For whoever waits longest. */
  giveBack(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free++;
    else {
      this.#waiting.delete(next);
      next();
    }
  }
}
