import { createHash, randomBytes } from "node:crypto";
import { shownAddress } from "../config/database.ts";
import type { StatePaths } from "../config/state-paths.ts";
import { folderMark } from "../credential-key.ts";
import type { JobDatabase } from "../db/job-database.ts";
import { serverStore } from "../db/stores/servers.ts";
import { serverPlace, type ServerPlace } from "../services/server-place.ts";
import type { AppOptions } from "./app-options.ts";
import { serverIdentity } from "./server-identity.ts";

/**
 * Takes this server's place among those of its database; null where the database is a file, which the state directory's
 * lock guards. Throws `StartError` when a server has it that does not share its work with this one.
 */
export async function takePlace(
  { config, log }: AppOptions,
  { folderMark: markFile }: StatePaths,
  db: JobDatabase,
): Promise<ServerPlace | null> {
  const servers = serverStore(db);
  if (servers === null || config.database === null) return null;
  const runId = randomBytes(12).toString("hex");
  const isShared = config.replicas.areMany;
  const { place, serverId } = serverIdentity(config.stateDir);
  // Containers may be called the same and see their folders at the same path.
  const marked = createHash("sha256")
    .update(`${serverId} ${folderMark(markFile)}`)
    .digest("hex");
  const opened = serverPlace({
    servers,
    self: { serverId: isShared ? runId : marked.slice(0, 32), runId, isShared, place },
    shownDatabase: shownAddress(config.database),
    onWait: (other) =>
      log.warn({ server: other.place }, "waiting whether another server of the database is still there"),
  });
  await opened.take();
  return opened;
}
