import { oneOf, StartError } from "./values.ts";

/** How the S3 endpoint shows itself to clients. */
export interface StorageEndpointConfig {
  /** SIMPLETUNER_STORAGE_DOMAIN: `<bucket>.<domain>` names a bucket; null takes buckets from paths only. */
  baseDomain: string | null;
  /** SIMPLETUNER_STORAGE_PUBLIC_ACLS: whether an access list may open objects to everybody; default false. */
  allowPublicAcls: boolean;
}

/** Reads {@link StorageEndpointConfig}; `publicUrl` is where the server's pages are. */
export function storageEndpointOf(env: NodeJS.ProcessEnv, publicUrl: string | null): StorageEndpointConfig {
  return {
    baseDomain: domainOf(env["SIMPLETUNER_STORAGE_DOMAIN"], publicUrl),
    allowPublicAcls: oneOf(env, "SIMPLETUNER_STORAGE_PUBLIC_ACLS", ["true", "false"], "false") === "true",
  };
}

/** Labels of a host name, the last one no number: an address has no hosts below it. */
const hostName = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

function domainOf(text: string | undefined, publicUrl: string | null): string | null {
  if (!text) return null;
  const domain = text.toLowerCase();
  if (domain.length > 200 || !hostName.test(domain))
    throw new StartError(
      `SIMPLETUNER_STORAGE_DOMAIN: "${text}" is not a host name alone, such as storage.example.com.`,
    );
  if (publicUrl !== null && new URL(publicUrl).hostname.endsWith(`.${domain}`))
    throw new StartError(
      `SIMPLETUNER_STORAGE_DOMAIN: SIMPLETUNER_PUBLIC_URL lies below ${domain} and would be taken for a bucket. Choose a domain that has buckets only.`,
    );
  return domain;
}
