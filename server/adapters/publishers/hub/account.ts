import type { HubAccountFacts } from "../hub-lookup.ts";

/** The right of fine-grained tokens to make repositories and change what is in them. */
const writeRight = "repo.write";

/** Reads what the Hub answers to who-am-i; what it does not say is left to the first call that needs it. */
export function accountOf(answer: unknown): HubAccountFacts {
  const { name, orgs, auth } = fieldsOf(answer);
  const accessToken = fieldsOf(fieldsOf(auth)["accessToken"]);
  const role = textOf(accessToken["role"]);
  const account = textOf(name) ?? "";
  const roles = new Map(
    listOf(orgs).map((org) => [textOf(fieldsOf(org)["name"]) ?? "", textOf(fieldsOf(org)["roleInOrg"])]),
  );
  return {
    name: account,
    organizations: [...roles.keys()].filter((org) => org !== ""),
    writeProblem(owner) {
      if (owner !== account && !roles.has(owner))
        return `The token is ${account}'s, who does not belong to ${owner}. Correct the owner, or use a token of a member.`;
      if (roles.get(owner) === "read")
        return `${account} may only read in ${owner}. Have an administrator of ${owner} give more, or choose another owner.`;
      if (role === "read") return "The token may only read. Make one with the role write.";
      if (role !== "fineGrained" || writesTo(accessToken["fineGrained"], owner)) return null;
      return `The token may not write to repositories of ${owner}. Give it that right, or use one with the role write.`;
    },
  };
}

function writesTo(rights: unknown, owner: string): boolean {
  const { global, scoped } = fieldsOf(rights);
  if (listOf(global).includes(writeRight)) return true;
  return listOf(scoped).some((scope) => {
    const { entity, permissions } = fieldsOf(scope);
    const { type, name } = fieldsOf(entity);
    return (type === "user" || type === "org") && name === owner && listOf(permissions).includes(writeRight);
  });
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
