import type { OutboundService } from "../../outbound/outbound-http.ts";
import type { ProviderAccount } from "../provider.ts";
import type { AccountToken } from "./account-token.ts";
import type { ReplicateClient } from "./client.ts";
import { asFailure } from "./failures.ts";
import { readStatusPage } from "./status-page.ts";

/** What asking for the account needs. */
export interface AccountOptions {
  client: ReplicateClient;
  token: () => Promise<AccountToken>;
  settings: () => Promise<{ model: string }>;
  statusHttp: OutboundService;
  statusUrl: string;
}

/** The account at Replicate: whose token it is, which versions a model has, and what the status page says. */
export function replicateAccount(options: AccountOptions): ProviderAccount {
  const { client } = options;
  const asking = async <Result>(work: Promise<Result>): Promise<Result> =>
    work.catch((error: unknown) => {
      throw asFailure(error);
    });
  return {
    async check() {
      const { source } = await options.token();
      const { username, name, github_url } = await asking(client.account());
      return { username, name: name || null, githubUrl: github_url || null, tokenSource: source };
    },
    async versions(model) {
      const [own = "", pinned] = (await options.settings()).model.split(":");
      const asked = model ?? own;
      const rows = await asking(client.versions(asked));
      return {
        model: asked,
        versions: rows.map(({ id, created_at }) => ({ id, createdAt: created_at ?? null })),
        pinned: asked === own ? (pinned ?? null) : null,
      };
    },
    status: () => asking(readStatusPage(options.statusHttp, options.statusUrl)),
  };
}
