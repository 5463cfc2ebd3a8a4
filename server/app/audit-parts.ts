import { hostname } from "node:os";
import type { OutboundHttp } from "../adapters/outbound/undici/outbound-http.ts";
import { packageVersion } from "../config/package-files.ts";
import type { StatePaths } from "../config/state-paths.ts";
import { auditKey } from "../credential-key.ts";
import type { Stores } from "../db/stores/open-stores.ts";
import { auditSealer } from "../domain/audit-chain.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";
import { auditCollector, targetOpener } from "../services/audit-collector.ts";
import { auditLog } from "../services/audit-log.ts";

/** What keeps the audit and sends it to a collector. */
export function auditParts(
  { auditKey: path, auditHead }: StatePaths,
  env: NodeJS.ProcessEnv,
  { stores, secrets, outbound }: { stores: Stores; secrets: SecretBox; outbound: OutboundHttp },
) {
  const sealer = auditSealer(auditKey(path, env));
  const source = { hostName: hostname(), version: packageVersion() };
  return {
    auditSealer: sealer,
    auditLog: auditLog({ ...stores, sealer, headFile: auditHead }),
    // Who sends counts the tries, so that they survive a restart.
    auditCollector: auditCollector({ http: outbound.guarded({ retries: 0 }), source }),
    auditSource: source,
    auditTargetOf: targetOpener(secrets),
  };
}
