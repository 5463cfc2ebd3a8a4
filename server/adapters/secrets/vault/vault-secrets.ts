import { Type } from "typebox";
import type { VaultConfig } from "../../../config/secrets.ts";
import { secretsIn, type SecretSource, SecretSourceError, type Secrets } from "../secret-source.ts";
import type { OutboundService } from "../../outbound/outbound-http.ts";
import { askVault, shaped, type VaultAnswer } from "./vault-client.ts";
import { vaultToken } from "./vault-token.ts";

const Document = Type.Object({ data: Type.Record(Type.String(), Type.Unknown()) });
/** The second version of the store wraps the document once more; null when it was deleted. */
const Versioned = Type.Object({
  data: Type.Object({
    data: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
    metadata: Type.Object({}),
  }),
});

/** The secrets of one document in Vault's key-value store, of its second version or else its first. */
export function vaultSecrets(
  config: VaultConfig,
  http: OutboundService,
  nowMs: () => number = () => performance.now(),
): SecretSource {
  const place = { ...config, http };
  const token = vaultToken(place, config.login, nowMs);
  const ask = async (path: string): Promise<VaultAnswer> =>
    askVault(place, { method: "GET", path, token: await token.current() });
  /** The answer for a path, 200, 403 or 404; a token that was revoked meanwhile is replaced once. */
  const found = async (path: string): Promise<VaultAnswer> => {
    let answer = await ask(path);
    if (answer.status === 403 && (await token.isReplaceable())) answer = await ask(path);
    if ([200, 403, 404].includes(answer.status)) return answer;
    throw unexpected(answer);
  };
  return {
    id: "vault",
    place: `Vault at ${config.address}, ${config.mount}/${config.path}`,
    async read(): Promise<Secrets> {
      const second = await found(`${config.mount}/data/${config.path}`);
      const versioned = shaped(Versioned, second.document);
      // A deleted document is a 404 that tells its metadata.
      if (versioned) return secretsIn(versioned.data.data);
      if (second.status === 200) throw unexpected(second);
      const first = await found(`${config.mount}/${config.path}`);
      const document = shaped(Document, first.document);
      if (first.status === 200 && document) return secretsIn(document.data);
      if (first.status === 200) throw unexpected(first);
      // A policy often permits the one path that the mount's version needs, and no other.
      if (second.status === 404) return new Map();
      throw new SecretSourceError(
        `Vault permits this server's token nothing at ${config.mount}/data/${config.path}. It needs a policy with read on it.`,
        false,
      );
    },
    keepUp: () => token.keepUp(),
  };
}

function unexpected({ status }: VaultAnswer): SecretSourceError {
  return new SecretSourceError(`What answers at VAULT_ADDR is not Vault (status ${status}).`, false);
}
