import type {
  ConfigRepository,
  configVersionEndpoints,
} from "@simpletuner-cloud/contract/config-versions.ts";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Commit, GitRepository, RepositoryState } from "../adapters/git/git-repository.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import { configDifferences } from "../domain/config-difference.ts";
import type { DataloaderConfig, TrainerConfig } from "../domain/config-rules.ts";
import { isSecretField } from "../domain/sealed-secret.ts";
import type { ConfigAccess } from "./config-access.ts";
import type { ConfigFiles } from "./config-files.ts";
import { withoutSecrets } from "./configs.ts";
import type { Handlers } from "./handler.ts";
import { accessibleJob } from "./job-access.ts";
import type { JobSnapshots } from "./job-snapshots.ts";

/** What versions of configurations need. */
export interface ConfigVersionOptions {
  repository: GitRepository;
  configsFolder: string;
  files: ConfigFiles;
  settings: SettingStore;
  jobs: JobStore;
  snapshots: JobSnapshots;
  configAccess: ConfigAccess;
}

type VersionHandlers = Handlers<typeof configVersionEndpoints>;

const mostDirtyPaths = 200;
const mostPatchLetters = 100_000;
const hidden = "********";

/** Versions of the configurations in git, and what jobs froze of them. */
export function configVersionService(options: ConfigVersionOptions): VersionHandlers {
  return {
    ...repositoryHandlers(options),
    ...revertHandler(options),
    ...remoteHandlers(options),
    ...jobConfigHandlers(options),
  };
}

function repositoryHandlers(options: ConfigVersionOptions) {
  const { repository, settings } = options;
  const present = async (): Promise<void> => {
    if (!(await repository.isRepository())) throw fail("git_no_repository");
  };
  const state = (): Promise<ConfigRepository> => repositoryState(options);
  return {
    repository: state,
    async initRepository({ body }) {
      if (!(await repository.isRepository())) await repository.init(body.branch ?? "main");
      if (body.remote !== undefined) await repository.setRemote(body.remote);
      await repository.commitAll("First version");
      await settings.set({ snapshotOnSubmit: true });
      return state();
    },
    async setSnapshotOnSubmit({ body }) {
      await settings.set({ snapshotOnSubmit: body.snapshot_on_submit });
      return state();
    },
    async setIdentity({ body }) {
      await present();
      await repository.setIdentity(body.name, body.email);
      return state();
    },
    async switchBranch({ body }) {
      await present();
      await repository.switchTo(body.name, body.create ?? false);
      return state();
    },
    async history({ query }) {
      await present();
      const limit = query.limit ?? 20;
      const path = query.name === undefined ? null : query.name;
      const commits = await repository.history(path, query.skip ?? 0, limit + 1);
      return { commits: commits.slice(0, limit).map(commitOf), has_more: commits.length > limit };
    },
    async diff({ query }) {
      await present();
      const patch = withoutSecretTexts(await repository.diff(query.commit ?? null, query.name ?? null));
      return { patch: patch.slice(0, mostPatchLetters), truncated: patch.length > mostPatchLetters };
    },
  } satisfies Partial<VersionHandlers>;
}

function remoteHandlers(options: ConfigVersionOptions) {
  const { repository } = options;
  const branch = async (): Promise<string> => {
    if (!(await repository.isRepository())) throw fail("git_no_repository");
    const { branch: current } = await repository.state();
    if (current === null) throw fail("git_refused", { reason: "no branch is checked out; go to one first" });
    return current;
  };
  const push = async (): Promise<void> => {
    const current = await branch();
    await refuseSecrets(options);
    await repository.push(current);
  };
  return {
    async setRemote({ body }) {
      await branch();
      await repository.setRemote(body.remote);
      return repositoryState(options);
    },
    async push() {
      await push();
      return repositoryState(options);
    },
    async pull() {
      await repository.pull(await branch());
      return repositoryState(options);
    },
    async snapshot({ body }) {
      await branch();
      const taken = await repository.commitAll(body.message ?? "Snapshot");
      if (body.push === true) await push();
      return { ...taken, repository: await repositoryState(options) };
    },
  } satisfies Partial<VersionHandlers>;
}

function revertHandler(options: ConfigVersionOptions) {
  const { repository } = options;
  return {
    async revert({ body }) {
      if (!(await repository.isRepository())) throw fail("git_no_repository");
      const commit = await repository.fullName(body.commit);
      const config = await jsonAt(options, commit, `${body.name}/config.json`);
      if (config === null)
        throw fail("config_not_found", {
          name: `${body.name} at ${commit.slice(0, 8)}`,
          known: "see its versions",
        });
      const datasets = await jsonAt(options, commit, `${body.name}/multidatabackend.json`);
      return withoutSecrets(
        await options.files.save(
          body.name,
          config as TrainerConfig,
          Array.isArray(datasets) ? (datasets as DataloaderConfig) : null,
          body.if_version,
        ),
      );
    },
  } satisfies Partial<VersionHandlers>;
}

function jobConfigHandlers({ jobs, snapshots, files, configAccess: access }: ConfigVersionOptions) {
  return {
    async jobConfigDiff({ params, query }, { caller }) {
      for (const id of [params.job_id, query.with]) await accessibleJob(jobs, caller, id, "view");
      const [before, after] = [await snapshots.shown(query.with), await snapshots.shown(params.job_id)];
      return { job_id: params.job_id, with: query.with, differences: configDifferences(before, after) };
    },
    async saveJobConfig({ params, body }, { caller }) {
      await accessibleJob(jobs, caller, params.job_id, "view");
      const exists = await files.exists(body.name);
      await access.beforeSave(caller, "config", body.name, exists);
      if (exists && body.if_version === undefined) throw fail("config_exists_changed", { name: body.name });
      const { config, dataloader } = await snapshots.inputsFor(caller.userId, params.job_id);
      return withoutSecrets(await files.save(body.name, config, dataloader, body.if_version));
    },
  } satisfies Partial<VersionHandlers>;
}

/** The repository as it stands now; of a machine without git, that it has none. */
export async function repositoryState({
  repository,
  settings,
  configsFolder,
}: Pick<ConfigVersionOptions, "repository" | "settings" | "configsFolder">): Promise<ConfigRepository> {
  let available = true;
  let state: RepositoryState | null = null;
  try {
    state = (await repository.isRepository()) ? await repository.state() : null;
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "git_unavailable") throw error;
    available = false;
  }
  const dirtyPaths = state?.dirtyPaths ?? [];
  return {
    git_available: available,
    repo_present: state !== null,
    config_dir: configsFolder,
    branch: state?.branch ?? null,
    commit: state?.commit ?? null,
    remote: state?.remote ?? null,
    ahead: state?.ahead ?? 0,
    behind: state?.behind ?? 0,
    dirty_paths: dirtyPaths.slice(0, mostDirtyPaths),
    dirty_count: dirtyPaths.length,
    user_name: state?.userName ?? null,
    user_email: state?.userEmail ?? null,
    identity_configured: Boolean(state?.userName && state.userEmail),
    snapshot_on_submit: await settings.get("snapshotOnSubmit"),
  };
}

function commitOf({ commit, message, author, atMs }: Commit) {
  return { commit, abbrev: commit.slice(0, 8), message, author, at: new Date(atMs).toISOString() };
}

async function jsonAt({ repository }: ConfigVersionOptions, commit: string, path: string): Promise<unknown> {
  const text = await repository.fileAt(commit, path);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw fail(
      "config_invalid",
      { field: path, problem: `it was not valid JSON at ${commit.slice(0, 8)}.` },
      error,
    );
  }
}

/** What is committed now would leave the machine; what an earlier commit held is the pusher's own to judge. */
async function refuseSecrets({ files }: ConfigVersionOptions): Promise<void> {
  for (const { name } of await files.list()) {
    const { config, dataloader_config } = await files.load(name);
    const field = secretIn(config, "config") ?? secretIn(dataloader_config, "dataloader_config");
    if (field !== null) throw fail("config_holds_secrets", { name, field });
  }
}

/** Where a value holds a secret; null when nowhere. */
function secretIn(value: unknown, path: string): string | null {
  if (typeof value !== "object" || value === null) return null;
  for (const [name, item] of Object.entries(value)) {
    const at = `${path}.${name}`;
    if (typeof item === "string" && item !== "" && !Array.isArray(value) && isSecretField(name)) return at;
    const below = secretIn(item, at);
    if (below !== null) return below;
  }
  return null;
}

/** A patch of JSON files with the values of secret fields blotted out. */
function withoutSecretTexts(patch: string): string {
  return patch.replaceAll(
    /"((?:[^"\\]|\\.)*)"(\s*:\s*)"((?:[^"\\]|\\.)*)"/g,
    (pair, name: string, colon: string, value: string) =>
      value !== "" && isSecretField(name) ? `"${name}"${colon}"${hidden}"` : pair,
  );
}
