/**
 * Every permission an endpoint may ask for. `*` grants all, `job.*` grants every permission below `job.`.
 * The list is the one the product's documents name; a permission that no endpoint asks for yet is still
 * listed, so that levels and API keys can already hold it.
 */
export const permissions = [
  "job.submit",
  "job.view.own",
  "job.view.all",
  "job.cancel.own",
  "job.cancel.all",
  "job.delete.own",
  "job.delete.all",
  "job.priority.high",
  "job.bypass.queue",
  "job.bypass.approval",
  "job.bypass.quota",
  "config.view",
  "config.create",
  "config.edit.own",
  "config.edit.all",
  "config.delete.own",
  "config.delete.all",
  "queue.view",
  "queue.view.all",
  "queue.cancel.own",
  "queue.cancel.all",
  "queue.approve",
  "queue.manage",
  "quota.view",
  "quota.manage",
  "admin.users",
  "admin.levels",
  "admin.quotas",
  "admin.approve",
  "admin.config",
  "admin.audit",
  "admin.queue",
  "admin.workers",
  "admin.backup",
  "admin.database",
  "org.view",
  "org.create",
  "org.edit",
  "org.delete",
  "org.manage.members",
  "org.manage.quotas",
  "team.view",
  "team.create",
  "team.edit",
  "team.delete",
  "team.manage.members",
  "team.manage.quotas",
  "api.access",
  "api.keys.own",
  "api.keys.all",
] as const;

/** One permission of {@link permissions}. */
export type Permission = (typeof permissions)[number];

/** Who calls: decided once at the border, passed to every use case. */
export interface Caller {
  /** Stable id of the user; owns the jobs the user submits. */
  readonly userId: string;
  readonly username: string;
  /** Granted permissions, wildcards included (`*`, `job.*`). */
  readonly grants: readonly string[];
}

/** True when one of the caller's grants covers `permission`: wildcards do, and the right to all covers one's own. */
export function callerMay(caller: Caller, permission: Permission): boolean {
  return caller.grants.some(
    (grant) =>
      grant === "*" ||
      grant === permission ||
      grant === permission.replace(/\.own$/, ".all") ||
      (grant.endsWith(".*") && permission.startsWith(grant.slice(0, -1))),
  );
}
