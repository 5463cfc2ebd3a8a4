import type { ConfigSnapshot } from "@simpletuner-cloud/contract/config-versions.ts";
import type { GitRepository } from "../adapters/git/git-repository.ts";
import type { SettingStore } from "../db/stores/settings.ts";

/** What committing at a submit needs. */
export interface ConfigSnapshotOptions {
  repository: GitRepository;
  settings: SettingStore;
  now: () => number;
}

/** How a submit wants its version named. */
export interface SnapshotNames {
  name: string | undefined;
  message: string | undefined;
}

/**
 * Makes {@link ConfigSnapshot}s: what the configurations were when a job was submitted, committed where something was
 * not. Null where no versions are kept or a submit is not to commit; whatever goes wrong is told in the answer and
 * never stops a job.
 */
export function configSnapshots({ repository, settings, now }: ConfigSnapshotOptions) {
  const take = async (label: { name: string; auto_generated: boolean }, message: string) => {
    const { branch, dirtyPaths, commit } = await repository.state();
    const was_dirty = dirtyPaths.length > 0;
    const taken = was_dirty ? (await repository.commitAll(message)).commit : commit;
    return {
      commit: taken,
      abbrev: taken?.slice(0, 8) ?? null,
      ...label,
      message: was_dirty ? message : null,
      branch,
      was_dirty,
    };
  };
  return async (asked: SnapshotNames): Promise<ConfigSnapshot | null> => {
    const name = asked.name ?? `env-${stamp(now())}`;
    const label = { name, auto_generated: asked.name === undefined };
    try {
      if (!(await settings.get("snapshotOnSubmit")) || !(await repository.isRepository())) return null;
      return await take(label, asked.message ?? `pre-submit: ${name}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return {
        commit: null,
        abbrev: null,
        ...label,
        message: null,
        branch: null,
        was_dirty: false,
        error: reason,
      };
    }
  };
}

/** See {@link configSnapshots}. */
export type TakeConfigSnapshot = ReturnType<typeof configSnapshots>;

/** `YYYYmmdd-HHMMSS` in UTC (CONTRACT 1.21). */
function stamp(atMs: number): string {
  return new Date(atMs).toISOString().replaceAll(/[-:]/g, "").replace("T", "-").slice(0, 15);
}
