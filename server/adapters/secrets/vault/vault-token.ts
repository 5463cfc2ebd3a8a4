import { readFile } from "node:fs/promises";
import { Type } from "typebox";
import type { VaultLogin } from "../../../config/secrets.ts";
import { SecretSourceError } from "../secret-source.ts";
import { askVault, shaped, VaultAuth, type VaultPlace } from "./vault-client.ts";

/** A token, and how long Vault lets it live. */
interface HeldToken {
  token: string;
  fromMs: number;
  /** 0: it does not run out. */
  leaseMs: number;
  isRenewable: boolean;
}

const Lookup = Type.Object({
  data: Type.Object({ ttl: Type.Number(), renewable: Type.Optional(Type.Boolean()) }),
});

/** The token for Vault: logged in when it is needed, renewed when two thirds of its life are over. */
export function vaultToken(place: VaultPlace, login: VaultLogin | null, nowMs: () => number) {
  let held: HeldToken | null = null;
  let getting: Promise<HeldToken> | null = null;
  const agesBy = (token: HeldToken, share: number): boolean =>
    token.leaseMs > 0 && nowMs() - token.fromMs >= token.leaseMs * share;
  const renewed = async (token: HeldToken): Promise<HeldToken | null> => {
    if (!token.isRenewable || agesBy(token, 1)) return null;
    const { document } = await askVault(place, {
      method: "POST",
      path: "auth/token/renew-self",
      token: token.token,
      body: {},
    });
    const answer = shaped(VaultAuth, document);
    return answer && heldToken(answer.auth, nowMs());
  };
  const next = async (token: HeldToken): Promise<HeldToken> => {
    const again = await renewed(token).catch(() => null);
    // Near its longest life a token is renewed for ever less.
    if (again && (login?.method === "token" || again.leaseMs >= token.leaseMs / 2)) return again;
    // One that cannot be renewed is used to its end, unless there is a way to a new one.
    if (login?.method === "token") return token;
    return logIn(place, login, nowMs()).catch((error: unknown) => {
      if (agesBy(token, 1)) throw error;
      return again ?? token;
    });
  };
  const get = async (): Promise<HeldToken> => {
    if (held && !agesBy(held, 2 / 3)) return held;
    held = held ? await next(held) : await logIn(place, login, nowMs());
    return held;
  };
  const current = async (): Promise<string> => {
    getting ??= get().finally(() => (getting = null));
    return (await getting).token;
  };
  return {
    current,
    /** After a refusal: true when the token was dead and another can be had, false when it only may too little. */
    async isReplaceable(): Promise<boolean> {
      if (!held || login?.method === "token") return false;
      const { status } = await askVault(place, {
        method: "GET",
        path: "auth/token/lookup-self",
        token: held.token,
      });
      if (status !== 403) return false;
      held = null;
      return true;
    },
    /** Renews the token when that is due. */
    async keepUp(): Promise<void> {
      if (held) await current();
    },
  };
}

function heldToken(
  auth: { client_token: string; lease_duration: number; renewable: boolean },
  fromMs: number,
): HeldToken {
  return {
    token: auth.client_token,
    fromMs,
    leaseMs: auth.lease_duration * 1_000,
    isRenewable: auth.renewable,
  };
}

async function logIn(place: VaultPlace, login: VaultLogin | null, fromMs: number): Promise<HeldToken> {
  if (login === null)
    throw new SecretSourceError(
      "VAULT_ADDR is set, but no way to log in: set VAULT_TOKEN, VAULT_ROLE_ID and VAULT_SECRET_ID, or VAULT_K8S_ROLE.",
      false,
    );
  if (login.method === "token") return givenToken(place, login.token, fromMs);
  const body =
    login.method === "approle"
      ? { role_id: login.roleId, secret_id: login.secretId }
      : { role: login.role, jwt: await jwtOf(login.jwtFile) };
  const { status, document } = await askVault(place, {
    method: "POST",
    path: `auth/${login.mount}/login`,
    body,
  });
  const answer = shaped(VaultAuth, document);
  if (answer) return heldToken(answer.auth, fromMs);
  throw new SecretSourceError(
    `Vault refuses the login by ${login.method} at auth/${login.mount} (status ${status}).`,
    false,
  );
}

/** How long a given token lives; that a policy forbids to ask is no fault. */
async function givenToken(place: VaultPlace, token: string, fromMs: number): Promise<HeldToken> {
  const { document } = await askVault(place, { method: "GET", path: "auth/token/lookup-self", token });
  const found = shaped(Lookup, document);
  return {
    token,
    fromMs,
    leaseMs: (found?.data.ttl ?? 0) * 1_000,
    isRenewable: found?.data.renewable ?? false,
  };
}

async function jwtOf(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new SecretSourceError(
      `The service account's token ${path} cannot be read (${error.code}). Set SIMPLETUNER_VAULT_JWT_FILE.`,
      false,
      error,
    );
  });
  return text.trim();
}
