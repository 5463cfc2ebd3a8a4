import { createHash } from "node:crypto";
import { hostname } from "node:os";

/** Who a server is among those of one database: the same after a restart, unless it is one of several with one folder. */
export function serverIdentity(stateDir: string, replicaId?: string): { serverId: string; place: string } {
  const place = `${hostname()}:${stateDir}`;
  return { serverId: replicaId ?? createHash("sha256").update(place).digest("hex").slice(0, 32), place };
}
