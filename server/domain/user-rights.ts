import {
  covers,
  grantNames,
  isGrant,
  type Permission,
  permissions,
} from "@simpletuner-cloud/contract/permissions.ts";

/** A level as a user holds it. */
export interface HeldLevel {
  id: string;
  name: string;
  priority: number;
  /** Permissions, wildcards included. */
  grants: readonly string[];
}

/** A permission given to or taken from one user. */
export interface RightsOverride {
  permission: string;
  granted: boolean;
}

/** Everything that decides what a user may do. */
export interface UserRights {
  levels: readonly HeldLevel[];
  overrides: readonly RightsOverride[];
}

/** Whether a user holds a permission, and what decided it. */
export interface Verdict {
  permission: Permission;
  allowed: boolean;
  because: "denied" | "granted" | "level" | "nothing";
  /** Names of the levels that hold it, whatever decided. */
  levels: string[];
}

/**
 * The one place where rights are decided: levels add up, what a user was given comes on top, and what was denied wins
 * over both. Denying the own (`job.view.own`) denies all (`job.view.all`) with it, since all includes the own.
 */
export function verdictOn(rights: UserRights, permission: Permission): Verdict {
  const levels = rights.levels.filter(({ grants }) => grants.some((grant) => covers(grant, permission)));
  const because = reasonOf(rights, permission, levels.length > 0);
  return {
    permission,
    allowed: because === "granted" || because === "level",
    because,
    levels: levels.map(({ name }) => name),
  };
}

function reasonOf(rights: UserRights, permission: Permission, byLevel: boolean): Verdict["because"] {
  const own = permission.replace(/\.all$/, ".own");
  const denied = rights.overrides.some(
    ({ permission: denial, granted }) => !granted && (grantNames(denial, permission) || denial === own),
  );
  if (denied) return "denied";
  const given = rights.overrides.some(
    ({ permission: grant, granted }) => granted && covers(grant, permission),
  );
  return given ? "granted" : byLevel ? "level" : "nothing";
}

/** What a user may do, spelled out without wildcards; with `scopes` only what these cover too. */
export function effectivePermissions(
  rights: UserRights,
  scopes: readonly string[] | null = null,
): Permission[] {
  return permissions.filter(
    (permission) =>
      verdictOn(rights, permission).allowed &&
      (scopes === null || scopes.some((scope) => covers(scope, permission))),
  );
}

/** The permissions that a list of grants names, wildcards spelled out; null when one of them is no permission. */
export function namedPermissions(grants: readonly string[]): Permission[] | null {
  if (!grants.every(isGrant)) return null;
  return permissions.filter((permission) => grants.some((grant) => grantNames(grant, permission)));
}

/** True for somebody who can keep a server in order: may manage users and give levels. */
export function isAdministrator(rights: UserRights): boolean {
  return verdictOn(rights, "admin.users").allowed && verdictOn(rights, "admin.levels").allowed;
}
