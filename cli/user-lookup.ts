import type { User } from "@simpletuner-cloud/contract/users.ts";
import { CommandFailure } from "./io.ts";
import type { ServerConnection } from "./server-address.ts";

/** The user of that name, e-mail address or id. */
export async function findUser({ call }: ServerConnection, named: string): Promise<User> {
  const wanted = named.trim().toLowerCase();
  // More than match exactly may hold the text; names are unique, so the one that is meant is among the shortest.
  const { users } = await call("GET /api/users", {
    query: { q: wanted.slice(0, 100), include_inactive: true, limit: 500 },
  });
  const user = users.find(
    ({ username, email }) => username.toLowerCase() === wanted || email.toLowerCase() === wanted,
  );
  if (user) return user;
  if (/^[\w-]{3,64}$/.test(named)) return call("GET /api/users/{user_id}", { params: { user_id: named } });
  throw new CommandFailure(`There is no user ${named}.`);
}
