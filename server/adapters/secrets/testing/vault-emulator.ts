import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { listening, type SeenRequest, sendJson } from "./listening.ts";

interface Token {
  expiresAtMs: number;
  maxUntilMs: number;
  ttlMs: number;
  renewable: boolean;
  /** Paths it may read; null: all. */
  paths: readonly string[] | null;
}

/** What `null` data stands for in the second version of the store: a deleted version. */
type Stored = Record<string, unknown> | null;

/**
 * Vault's HTTP API as far as secrets are read: a key-value store of version 2 at `secret/` and of version 1 at `kv/`,
 * logins by AppRole and Kubernetes, renewal, and what an operator can do to it. Times are in milliseconds of `nowMs`.
 */
export async function startVaultEmulator(nowMs: () => number = Date.now) {
  const tokens = new Map<string, Token>();
  const state = {
    sealed: false,
    standby: false,
    /** Answers with something that is not Vault's. */
    garbled: false,
    namespace: null as string | null,
    loginTtlMs: 3_600_000,
    loginMaxMs: 24 * 3_600_000,
    loginPaths: null as readonly string[] | null,
    approle: { role_id: "role-1", secret_id: "secret-id-1" },
    kubernetes: { role: "cloud", jwt: "jwt-of-the-pod" },
  };
  const v2 = new Map<string, Stored>();
  const v1 = new Map<string, Record<string, unknown>>();
  const seen: string[] = [];
  const issue = (token: Partial<Token> = {}): string => {
    const id = `hvs.${randomBytes(12).toString("hex")}`;
    const usual = { ttlMs: state.loginTtlMs, renewable: true, paths: state.loginPaths };
    const ttlMs = token.ttlMs ?? usual.ttlMs;
    tokens.set(id, {
      ...usual,
      expiresAtMs: nowMs() + ttlMs,
      maxUntilMs: nowMs() + state.loginMaxMs,
      ...token,
      ttlMs,
    });
    return id;
  };
  const emulated = { tokens, state, v2, v1, issue, nowMs };
  const { url, close } = await listening((request, response) => {
    seen.push(`${request.message.method} ${request.path}`);
    answer(emulated, request, response);
  });
  return { url, close, seen, ...emulated };
}
/** See {@link startVaultEmulator}. */
export type VaultEmulator = Awaited<ReturnType<typeof startVaultEmulator>>;

type Emulated = Pick<VaultEmulator, "tokens" | "state" | "v2" | "v1" | "issue" | "nowMs">;

const refuse = (response: ServerResponse, status: number, ...errors: string[]): void =>
  sendJson(response, status, { errors });

function answer(vault: Emulated, request: SeenRequest, response: ServerResponse): void {
  const { state } = vault;
  if (state.garbled) return void response.writeHead(200).end("<html>login</html>");
  if (state.sealed) return refuse(response, 503, "Vault is sealed");
  if (state.standby) return void response.writeHead(307, { location: "http://127.0.0.1:1/" }).end();
  if (state.namespace !== null && request.message.headers["x-vault-namespace"] !== state.namespace)
    return refuse(response, 404);
  const path = request.path.replace(/^\/v1\//, "");
  if (/^auth\/[\w/]+\/login$/.test(path)) return logIn(vault, path, request, response);
  const id = String(request.message.headers["x-vault-token"] ?? "");
  const token = vault.tokens.get(id);
  if (!token || token.expiresAtMs <= vault.nowMs()) return refuse(response, 403, "permission denied");
  if (path === "auth/token/lookup-self")
    return sendJson(response, 200, {
      data: { ttl: Math.round((token.expiresAtMs - vault.nowMs()) / 1_000), renewable: token.renewable },
    });
  if (path === "auth/token/renew-self") return renew(vault, id, token, response);
  if (token.paths !== null && !token.paths.includes(path)) return refuse(response, 403, "permission denied");
  read(vault, path, response);
}

function logIn(vault: Emulated, path: string, request: SeenRequest, response: ServerResponse): void {
  const given = JSON.parse(request.body) as Record<string, string>;
  const wanted: Record<string, string> = path.includes("kubernetes")
    ? vault.state.kubernetes
    : vault.state.approle;
  if (Object.keys(wanted).some((name) => wanted[name] !== given[name]))
    return refuse(response, 400, "invalid role or secret ID");
  sendAuth(response, vault.issue(), vault.state.loginTtlMs, true);
}

function renew(vault: Emulated, id: string, token: Token, response: ServerResponse): void {
  if (!token.renewable) return refuse(response, 400, "lease is not renewable");
  const leftMs = Math.min(token.ttlMs, token.maxUntilMs - vault.nowMs());
  token.expiresAtMs = vault.nowMs() + leftMs;
  sendAuth(response, id, leftMs, true);
}

function sendAuth(response: ServerResponse, client_token: string, ttlMs: number, renewable: boolean): void {
  sendJson(response, 200, {
    data: null,
    auth: { client_token, lease_duration: Math.floor(ttlMs / 1_000), renewable, policies: ["default"] },
  });
}

function read({ v1, v2 }: Emulated, path: string, response: ServerResponse): void {
  const [mount, ...rest] = path.split("/");
  if (mount === "kv") {
    const data = v1.get(rest.join("/"));
    return data ? sendJson(response, 200, { lease_duration: 2_764_800, data }) : refuse(response, 404);
  }
  if (mount !== "secret") return refuse(response, 404);
  if (rest[0] !== "data")
    return sendJson(response, 404, {
      errors: [],
      warnings: ["Invalid path for a versioned K/V secrets engine."],
    });
  const data = v2.get(rest.slice(1).join("/"));
  if (data === undefined) return refuse(response, 404);
  const metadata = {
    version: 3,
    destroyed: false,
    deletion_time: data === null ? "2026-01-01T00:00:00Z" : "",
  };
  sendJson(response, data === null ? 404 : 200, { data: { data, metadata } });
}
