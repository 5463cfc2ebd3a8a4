import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import type {
  AccountCheck,
  providerAccountEndpoints,
  ProviderStatus,
} from "@simpletuner-cloud/contract/provider-account.ts";
import type { Provider, ProviderAccount } from "../adapters/providers/provider.ts";
import type { Handlers } from "./handler.ts";
import type { SecretWriter } from "./secrets.ts";

/** What the account's use cases need. */
export interface ProviderAccountOptions {
  findProvider: (id: string) => Provider;
  writeSecret: SecretWriter;
}

const tokenName = "REPLICATE_API_TOKEN";
const balanceNote =
  "Replicate's API tells no balance. See https://replicate.com/account/billing; what jobs cost is counted here.";

/** The account at Replicate: its token, whose it is, versions, prices and the status page. */
export function providerAccountService(
  options: ProviderAccountOptions,
): Handlers<typeof providerAccountEndpoints> {
  const replicate = () => options.findProvider("replicate");
  const status = async (): Promise<ProviderStatus> => statusOf(accountOf(replicate()));
  return {
    async putReplicateToken({ body }, { caller }) {
      const token = body.api_token.trim();
      if (!/^r8_[\x21-\x7e]+$/.test(token))
        throw fail("validation_error", {
          field: "api_token",
          problem: "a token of Replicate starts with r8_. Copy it from replicate.com/account/api-tokens.",
        });
      const written = await options.writeSecret(tokenName, token, caller.userId);
      return { ...written, ...(await checked(accountOf(replicate()))) };
    },
    deleteReplicateToken: (_, { caller }) => options.writeSecret(tokenName, null, caller.userId),
    validateReplicate: () => checked(accountOf(replicate())),
    async listReplicateVersions({ query }) {
      try {
        const { model, versions, pinned } = await accountOf(replicate()).versions(query.model_id ?? null);
        const full = (id: string) => `${model}:${id}`;
        return {
          versions: versions.map(({ id, createdAt }) => ({
            id,
            created_at: instantOf(createdAt),
            model_id: model,
            full_version: full(id),
          })),
          current_version: pinned === null ? null : full(pinned),
          error: null,
        };
      } catch (error) {
        return { versions: [], current_version: null, error: sentenceOf(error) };
      }
    },
    async replicateBilling() {
      const { hardware } = await replicate().describe();
      return {
        balance: null,
        balance_note: balanceNote,
        hardware: Object.fromEntries(
          hardware.map(({ id, name, cost_per_hour_usd }) => [id, { name, cost_per_hour_usd }]),
        ),
        default_hardware: hardware[0]?.id ?? null,
      };
    },
    refreshBilling: async () => ({
      credit_balance: null,
      estimated_jobs_remaining: null,
      error: balanceNote,
    }),
    replicateStatus: status,
    systemStatus: status,
  };
}

function accountOf({ id, account }: Provider): ProviderAccount {
  if (!account) throw fail("provider_has_no_settings", { provider: id, known: [] });
  return account;
}

/** Refusals of the token itself; with any other failure nobody knows. */
const tokenFailures = ["provider_token_missing", "provider_token_refused"];

async function checked(account: ProviderAccount): Promise<AccountCheck> {
  try {
    const { username, name, githubUrl, tokenSource } = await account.check();
    return {
      valid: true,
      user_info: { username, name, github_url: githubUrl, token_source: tokenSource },
      error: null,
    };
  } catch (error) {
    const sentence = sentenceOf(error);
    const refused = error instanceof Failure && tokenFailures.includes(error.code);
    return { valid: refused ? false : null, user_info: null, error: sentence };
  }
}

async function statusOf(account: ProviderAccount): Promise<ProviderStatus> {
  try {
    const { url, incidents, maintenances, planned } = await account.status();
    return {
      operational: incidents.length === 0,
      ongoing_incidents: [...incidents],
      in_progress_maintenances: [...maintenances],
      scheduled_maintenances: [...planned],
      status_page_url: url,
      error: null,
    };
  } catch (error) {
    return {
      operational: null,
      ongoing_incidents: [],
      in_progress_maintenances: [],
      scheduled_maintenances: [],
      status_page_url: null,
      error: sentenceOf(error),
    };
  }
}

/** The sentence of an expected failure; anything else is thrown on. */
function sentenceOf(error: unknown): string {
  if (error instanceof Failure) return error.message;
  throw error;
}

function instantOf(text: string | null): string | null {
  const atMs = Date.parse(text ?? "");
  return Number.isNaN(atMs) ? null : new Date(atMs).toISOString();
}
