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

/** How a caller proved who it is. */
export interface Credential {
  kind: "session" | "api_key";
  /** The id under which it is listed and revoked; not the secret itself. */
  id: string;
  /** True for an API key that holds less than its owner. */
  scoped: boolean;
}

/** Who calls: decided once at the border, passed to every use case. */
export interface Caller {
  /** Stable id of the user; owns the jobs the user submits. */
  readonly userId: string;
  readonly username: string;
  /** What the caller may do; wildcards count (`*`, `job.*`). */
  readonly grants: readonly string[];
  /** Absent where nothing had to be proved: the single user of a server, and work of the server itself. */
  readonly credential?: Credential;
}

/** True when a grant names `permission`, or all of its kind with a wildcard: `*`, `job.*`. */
export function grantNames(grant: string, permission: string): boolean {
  return (
    grant === "*" ||
    grant === permission ||
    (grant.endsWith(".*") && permission.startsWith(grant.slice(0, -1)))
  );
}

/** True when a grant is enough for `permission`: it names it, or the right to all where one's own is asked for. */
export function covers(grant: string, permission: string): boolean {
  return grantNames(grant, permission) || grant === permission.replace(/\.own$/, ".all");
}

/** True when one of the caller's grants covers `permission`. */
export function callerMay(caller: Pick<Caller, "grants">, permission: Permission): boolean {
  return caller.grants.some((grant) => covers(grant, permission));
}

/** True for a permission of the list, and for a wildcard that names at least one. */
export function isGrant(text: string): boolean {
  return (
    (/^(\*|[a-z.]+\.\*)$/.test(text) && permissions.some((one) => grantNames(text, one))) ||
    isPermission(text)
  );
}

function isPermission(text: string): boolean {
  return (permissions as readonly string[]).includes(text);
}
