import { Type, type Static } from "typebox";
import { SavedConfig } from "./configs.ts";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeString } from "./instants.ts";
import { JobParams } from "./jobs.ts";

/** The git repository of the configurations (CONTRACT 1.21). */
export const ConfigRepository = Type.Object({
  git_available: Type.Boolean(),
  repo_present: Type.Boolean({ description: "The configuration folder is itself a repository" }),
  config_dir: Type.String(),
  branch: MaybeString,
  commit: MaybeString,
  remote: MaybeString,
  ahead: Type.Integer(),
  behind: Type.Integer(),
  dirty_paths: Type.Array(Type.String(), { description: "At most 200" }),
  dirty_count: Type.Integer(),
  user_name: MaybeString,
  user_email: MaybeString,
  identity_configured: Type.Boolean(),
  snapshot_on_submit: Type.Boolean({
    description: "Uncommitted changes are committed when a job is submitted",
  }),
});
/** See the schema. */
export type ConfigRepository = Static<typeof ConfigRepository>;

/** One commit of the repository. */
export const ConfigCommit = Type.Object({
  commit: Type.String(),
  abbrev: Type.String(),
  message: Type.String(),
  author: Type.String(),
  at: Instant,
});
/** See the schema. */
export type ConfigCommit = Static<typeof ConfigCommit>;

/** One value that two jobs set differently; `path` is a JSON pointer, a missing side is absent. */
export const ConfigDifference = Type.Object({
  path: Type.String(),
  before: Type.Optional(Type.Unknown()),
  after: Type.Optional(Type.Unknown()),
});
/** See the schema. */
export type ConfigDifference = Static<typeof ConfigDifference>;

/** What a job's metadata holds as `snapshot`. */
export const ConfigSnapshot = Type.Object({
  commit: MaybeString,
  abbrev: MaybeString,
  name: Type.String(),
  auto_generated: Type.Boolean({ description: "The name was made from the time" }),
  message: MaybeString,
  branch: MaybeString,
  was_dirty: Type.Boolean(),
  error: Type.Optional(Type.String({ description: "Why nothing was committed; the job goes on" })),
});
/** See the schema. */
export type ConfigSnapshot = Static<typeof ConfigSnapshot>;

const tag = "Configuration versions";
const CommitName = Type.String({
  pattern: "^[0-9a-fA-F]{4,64}$",
  description: "A commit, whole or shortened",
});
const BranchName = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$" });
const ConfigName = Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$" });
const Remote = Type.Union([Type.String({ minLength: 1, maxLength: 500 }), Type.Null()]);
const Message = Type.String({ minLength: 1, maxLength: 500 });
const repositoryErrors = ["git_unavailable", "git_no_repository", "git_refused"] as const;

/** Endpoints of configuration versions. */
export const configVersionEndpoints = {
  repository: endpoint({
    method: "GET",
    path: "/api/git/status",
    access: "config.view",
    tag,
    summary: "The repository of the configurations, and what is not committed",
    answer: ConfigRepository,
    errors: ["git_refused"],
  }),
  initRepository: endpoint({
    method: "POST",
    path: "/api/git/init",
    access: "config.edit.all",
    tag,
    summary: "Keep versions: make the configuration folder a repository and commit what is there",
    body: Type.Object(
      { branch: Type.Optional(BranchName), remote: Type.Optional(Remote) },
      { additionalProperties: false },
    ),
    answer: ConfigRepository,
    errors: ["git_unavailable", "git_refused"],
  }),
  setSnapshotOnSubmit: endpoint({
    method: "PUT",
    path: "/api/git/setting",
    access: "config.edit.all",
    tag,
    summary: "Whether a submit commits what is not committed",
    body: Type.Object({ snapshot_on_submit: Type.Boolean() }, { additionalProperties: false }),
    answer: ConfigRepository,
    errors: ["git_refused"],
  }),
  setIdentity: endpoint({
    method: "POST",
    path: "/api/git/identity",
    access: "config.edit.all",
    tag,
    summary: "Whose name commits carry",
    body: Type.Object(
      {
        name: Type.String({ minLength: 1, maxLength: 100 }),
        email: Type.String({ pattern: "^[^@\\s<>]+@[^@\\s<>]+$", maxLength: 200 }),
      },
      { additionalProperties: false },
    ),
    answer: ConfigRepository,
    errors: repositoryErrors,
  }),
  setRemote: endpoint({
    method: "POST",
    path: "/api/git/remote",
    access: "admin.config",
    tag,
    summary: "Where versions are pushed to; null removes it",
    body: Type.Object({ remote: Remote }, { additionalProperties: false }),
    answer: ConfigRepository,
    errors: repositoryErrors,
  }),
  switchBranch: endpoint({
    method: "POST",
    path: "/api/git/branch",
    access: "config.edit.all",
    tag,
    summary: "Go to another branch, or make one",
    body: Type.Object(
      { name: BranchName, create: Type.Optional(Type.Boolean()) },
      { additionalProperties: false },
    ),
    answer: ConfigRepository,
    errors: repositoryErrors,
  }),
  history: endpoint({
    method: "GET",
    path: "/api/git/history",
    access: "config.view",
    tag,
    summary: "Commits, newest first, of all configurations or one",
    query: Type.Object({
      name: Type.Optional(ConfigName),
      skip: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 20 })),
    }),
    answer: Type.Object({ commits: Type.Array(ConfigCommit), has_more: Type.Boolean() }),
    errors: repositoryErrors,
  }),
  diff: endpoint({
    method: "GET",
    path: "/api/git/diff",
    access: "config.view",
    tag,
    summary: "What a commit changed, or without one what is not committed, as a patch without secrets",
    query: Type.Object({ name: Type.Optional(ConfigName), commit: Type.Optional(CommitName) }),
    answer: Type.Object({ patch: Type.String(), truncated: Type.Boolean() }),
    errors: repositoryErrors,
  }),
  snapshot: endpoint({
    method: "POST",
    path: "/api/git/snapshot",
    access: "config.edit.all",
    tag,
    summary: "Commit what is not committed",
    body: Type.Object(
      { message: Type.Optional(Message), push: Type.Optional(Type.Boolean()) },
      { additionalProperties: false },
    ),
    answer: Type.Object({ commit: MaybeString, committed: Type.Boolean(), repository: ConfigRepository }),
    errors: [...repositoryErrors, "config_holds_secrets"],
  }),
  revert: endpoint({
    method: "POST",
    path: "/api/git/revert",
    access: "config.edit.all",
    tag,
    summary: "Bring one configuration back as it was at a commit",
    body: Type.Object(
      { name: ConfigName, commit: CommitName, if_version: Type.Optional(Type.String()) },
      { additionalProperties: false },
    ),
    answer: SavedConfig,
    errors: [...repositoryErrors, "config_not_found", "config_exists_changed", "config_invalid"],
  }),
  push: endpoint({
    method: "POST",
    path: "/api/git/push",
    access: "admin.config",
    tag,
    summary: "Send the branch to the remote; refused while a configuration holds a secret",
    answer: ConfigRepository,
    errors: [...repositoryErrors, "config_holds_secrets"],
  }),
  pull: endpoint({
    method: "POST",
    path: "/api/git/pull",
    access: "admin.config",
    tag,
    summary: "Take what the remote has, forward only",
    answer: ConfigRepository,
    errors: repositoryErrors,
  }),
  jobConfigDiff: endpoint({
    method: "GET",
    path: "/api/cloud/jobs/{job_id}/config/diff",
    access: "job.view.own",
    tag,
    summary: "What another job's frozen inputs set differently; only what differs",
    params: JobParams,
    query: Type.Object({ with: Type.String({ minLength: 1, maxLength: 64, description: "The other job" }) }),
    answer: Type.Object({
      job_id: Type.String(),
      with: Type.String(),
      differences: Type.Array(ConfigDifference, {
        description: "`before` is the other job's value, `after` this job's",
      }),
    }),
    errors: ["job_not_found"],
  }),
  saveJobConfig: endpoint({
    method: "POST",
    path: "/api/cloud/jobs/{job_id}/config/save",
    access: "config.create",
    tag,
    summary: "Save a job's frozen inputs as a configuration; an existing one needs its version",
    params: JobParams,
    body: Type.Object(
      { name: ConfigName, if_version: Type.Optional(Type.String()) },
      { additionalProperties: false },
    ),
    answer: SavedConfig,
    errors: ["job_not_found", "config_invalid", "config_exists_changed"],
  }),
} as const;
