import { type Static, type TSchema, Type } from "typebox";
import { Check } from "typebox/value";
import type { VaultConfig } from "../../../config/secrets.ts";
import { OutboundError, type OutboundService } from "../../outbound/outbound-http.ts";
import { SecretSourceError } from "../secret-source.ts";

/** Where Vault is, and how it is reached. */
export interface VaultPlace extends Pick<VaultConfig, "address" | "namespace"> {
  http: OutboundService;
}

/** What Vault answered: its status and its document, null where that is none. */
export interface VaultAnswer {
  status: number;
  document: unknown;
}

const longestAnswerBytes = 1 << 20;

/** Asks Vault's HTTP API; any status is an answer, except that it is sealed or not there. */
export async function askVault(
  { http, address, namespace }: VaultPlace,
  request: { method: "GET" | "POST"; path: string; token?: string; body?: object },
): Promise<VaultAnswer> {
  const { method, path, token, body } = request;
  try {
    const answer = await http.text(
      {
        method,
        url: `${address}/v1/${path}`,
        headers: {
          "x-vault-request": "true",
          ...(namespace !== null && { "x-vault-namespace": namespace }),
          ...(token !== undefined && { "x-vault-token": token }),
          ...(body && { "content-type": "application/json" }),
        },
        ...(body && { body: JSON.stringify(body) }),
        repeat: "safe",
      },
      longestAnswerBytes,
    );
    if (answer.status >= 500 || answer.status === 429)
      throw new SecretSourceError(
        answer.status === 503
          ? "Vault is sealed or in maintenance."
          : `Vault answers with status ${answer.status}.`,
        true,
      );
    if (answer.status >= 300 && answer.status < 400)
      throw new SecretSourceError(
        "Vault is a standby that passes nothing on. Name the active node in VAULT_ADDR.",
        true,
      );
    return { status: answer.status, document: parsed(answer.body) };
  } catch (error) {
    if (error instanceof OutboundError) throw new SecretSourceError(error.message, error.isPassing, error);
    throw error;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The document where it has this shape, else null. */
export function shaped<Schema extends TSchema>(schema: Schema, document: unknown): Static<Schema> | null {
  return Check(schema, document) ? (document as Static<Schema>) : null;
}

/** What a login and a renewal answer. */
export const VaultAuth = Type.Object({
  auth: Type.Object({
    client_token: Type.String(),
    lease_duration: Type.Number(),
    renewable: Type.Boolean(),
  }),
});
