import { absent, type StateStore } from "../adapters/state/state.ts";
import { StartError } from "../config/values.ts";

/** One of the servers that share their work. */
export interface Replica {
  /** New at each start. */
  readonly id: string;
  /** Names the machine, or the container, whose processes it sees: runs of the local provider live on one. */
  readonly machine: string;
  /** Of the keys that open stored secrets, as of now. */
  readonly keyIds: readonly string[];
  /** Lies in the state directory, so that servers with different ones know. */
  readonly folder: string;
  /** The same of the folder of backups, where that is not in the state directory; absent with a release before this. */
  readonly backups?: string | null;
}

/** What the list of replicas holds in the shared state. */
interface Register {
  /** By the store's clock, when the list was begun: before, others may have been on one that was lost. */
  sinceMs: number;
  members: (Replica & { untilMs: number })[];
}

/** A replica that was not heard of for so long is taken for dead. */
export const presenceMs = 5_000;
/** How often each says that it lives. */
export const beatMs = 1_000;
/** A replica stops believing in its own presence a little sooner than the others do. */
export const marginMs = 500;
/** The list outlives a night without any server. */
const keptMs = 24 * 3_600_000;
const tries = 20;

/** What being one of several servers needs. */
export interface ReplicaOptions {
  state: StateStore;
  self: Replica;
  /** Called after each beat in which replicas came or went, and when this one knows of the others again. */
  onChange: () => void;
}

/** Which replicas live, as this one knows it. */
export interface Replicas {
  readonly self: Replica;
  /** The living ones, this one among them; null while this one does not know who lives, or may be taken for dead itself. */
  living(): readonly Replica[] | null;
  /** Aborts once others may take this replica for dead; after its return there is a new one. */
  presence(): AbortSignal;
  /** Milliseconds since a replica of the machine was heard of, as far as this one can know. */
  silenceOf(machine: string): number;
  /** Says that this replica lives and looks who else does; throws {@link StartError} when it must not take part. */
  beat(): Promise<void>;
  /** Leaves the list, so that nobody waits for its end. */
  leave(): Promise<void>;
}

/**
 * Knows the replicas by a list in the shared state, on which each renews its place. After the store has lost the list,
 * nobody is taken for dead before everybody had the time to be on it again.
 */
export function replicas(options: ReplicaOptions): Replicas {
  const { self, state } = options;
  const startedAt = performance.now();
  const heardAt = new Map<string, number>();
  let presence = new AbortController();
  let isPresent = false;
  let lapse: NodeJS.Timeout | undefined;
  let living: readonly Replica[] | null = null;
  const lapsed = (): void => {
    isPresent = false;
    living = null;
    presence.abort(new Error("this server may be taken for dead"));
  };
  const present = (fromMs: number): void => {
    clearTimeout(lapse);
    lapse = setTimeout(lapsed, fromMs + presenceMs - marginMs - performance.now()).unref();
    if (isPresent) return;
    isPresent = true;
    presence = new AbortController();
  };
  const known = (next: readonly Replica[] | null): void => {
    const names = (list: readonly Replica[] | null): string => list?.map(({ id }) => id).join() ?? "";
    const isNews = names(living) !== names(next);
    living = next;
    for (const { machine } of next ?? []) heardAt.set(machine, performance.now());
    if (isNews && next !== null) options.onChange();
  };
  return {
    self,
    living: () => living,
    presence: () => presence.signal,
    silenceOf: (machine) => performance.now() - (heardAt.get(machine) ?? startedAt),
    async beat() {
      const fromMs = performance.now();
      const { register, nowMs, wasListed } = await written(state, self, (members) => [...members, self]);
      // After the store lost the list nobody takes anything over for a while.
      const isWhole = nowMs - register.sinceMs >= presenceMs;
      if (isPresent && !wasListed && isWhole) lapsed();
      present(fromMs);
      known(isWhole ? register.members.map(({ untilMs: _, ...member }) => member) : null);
    },
    async leave() {
      clearTimeout(lapse);
      lapsed();
      await written(state, self, (members) => members);
    },
  };
}

/** Puts on the list what `change` makes of the others that live. */
async function written(
  state: StateStore,
  self: Replica,
  change: (others: readonly Replica[]) => readonly Replica[],
): Promise<{ register: Register; nowMs: number; wasListed: boolean }> {
  for (let attempt = 1; ; attempt++) {
    const [found, nowMs] = await Promise.all([state.get("replicas"), state.clock()]);
    const before: Register = found ? (JSON.parse(found.value) as Register) : { sinceMs: nowMs, members: [] };
    const listed = before.members.filter(({ untilMs }) => untilMs > nowMs);
    const others = listed.filter(({ id }) => id !== self.id);
    for (const other of others) refuseStranger(self, other);
    const members = change(others).map((member) =>
      member === self ? { ...self, untilMs: nowMs + presenceMs } : (member as Register["members"][number]),
    );
    const register = { sinceMs: before.sinceMs, members };
    if (await state.set("replicas", JSON.stringify(register), keptMs, found?.version ?? absent))
      return { register, nowMs, wasListed: listed.length > others.length };
    if (attempt === tries) throw new Error("the list of servers is written by too many at once");
  }
}

/** Servers that cannot do each other's work must not take it over. */
function refuseStranger(self: Replica, other: Replica): void {
  if (!self.keyIds.some((id) => other.keyIds.includes(id)))
    throw new StartError(
      "Another server of this database seals with another key. Give all of them the same SIMPLETUNER_CREDENTIAL_KEY, or the same state directory.",
    );
  if (self.folder !== other.folder)
    throw new StartError(
      "Another server of this database has another state directory. Mount one folder on all machines and name it by SIMPLETUNER_STATE_DIR.",
    );
  if (self.backups !== undefined && other.backups !== undefined && self.backups !== other.backups)
    throw new StartError(
      "Another server of this database has another folder for backups. Mount one folder on all machines and name it by SIMPLETUNER_BACKUP_DIR, or leave that away to have them in the state directory.",
    );
}
