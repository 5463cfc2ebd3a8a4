import type { Endpoint } from "@simpletuner-cloud/contract/endpoint.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { type Caller, callerMay } from "@simpletuner-cloud/contract/permissions.ts";

/**
 * Holds a caller against what an endpoint declares. Nobody gets 401, where a refused credential is told from none at
 * all; somebody without the permission 403. An API key of limited scope changes nothing of its owner's account.
 */
export function callerAllowed(endpoint: Endpoint, caller: Caller | null, sentProof: boolean): void {
  const { access, method } = endpoint;
  if (typeof access === "object" && "public" in access) return;
  if (!caller) throw fail(sentProof ? "credential_refused" : "authentication_error");
  const scoped = caller.credential?.scoped === true;
  if (typeof access === "object") {
    if (scoped && method !== "GET") throw fail("api_key_scope", { permission: "all that its owner may do" });
    return;
  }
  if (callerMay(caller, access)) return;
  throw fail(scoped ? "api_key_scope" : "permission_denied", { permission: access });
}
