import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import type { HubTokenState, publishingEndpoints } from "@simpletuner-cloud/contract/publishing.ts";

import type { HubLookup } from "../adapters/publishers/hub-lookup.ts";
import type { DestinationStore } from "../db/stores/destinations.ts";
import { modelFamily } from "../domain/model-families.ts";
import { outputsBucket } from "../domain/run-files.ts";
import { trainerPublishes } from "../domain/trainer-publishing.ts";
import type { ConfigFiles } from "./config-files.ts";
import type { Handlers, RequestContext } from "./handler.ts";
import type { ReadProviderSettings } from "./provider-settings.ts";
import { storagePath } from "./results.ts";
import type { SecretWriter } from "./secrets.ts";

/** What telling of publishing needs. */
export interface PublishingOptions {
  hub: HubLookup;
  /** The token of the secrets, null without. Throws `secrets_unavailable`. */
  hubToken: () => Promise<string | null>;
  writeSecret: SecretWriter;
  destinations: DestinationStore;
  files: ConfigFiles;
  providerSettings: ReadProviderSettings;
}

type PublishingHandlers = Handlers<typeof publishingEndpoints>;

const noAddress =
  "This server has no public address: set SIMPLETUNER_PUBLIC_URL or the provider's webhook_url, or start a tunnel. Until then models come home when the provider hands them over.";

/** What models can be published with, and the Hub's own questions. */
export function publishingService(options: PublishingOptions): PublishingHandlers {
  return { ...places(options), ...token(options), ...questions(options) };
}

function places(options: PublishingOptions) {
  const endpointUrl = async (): Promise<string | null> => {
    const { storageUrl } = await options.providerSettings.of("replicate");
    return storageUrl === null ? null : storageUrl + storagePath;
  };
  return {
    async publishingStatus({ query: { config_name: name } }, context) {
      const url = await endpointUrl();
      const config = name === undefined ? {} : (await options.files.load(name)).config;
      const own = trainerPublishes(config);
      const pushed = own.find(({ kind }) => kind === "huggingface");
      const stored = await options.destinations.list();
      const state = await tokenState(options, context);
      return {
        hf_configured: (await tokenOrNull(options)) !== null,
        hf_token_valid: state.valid,
        hf_username: state.username,
        push_to_hub: pushed !== undefined,
        hub_model_id: pushed?.target ?? null,
        s3_configured:
          own.some(({ kind }) => kind === "s3") || stored.some(({ settings }) => settings.kind === "s3"),
        local_upload_available: url !== null,
        local_upload_url: url,
        message: url === null ? noAddress : null,
      };
    },
    async localUploadConfig() {
      const url = await endpointUrl();
      return {
        enabled: url !== null,
        endpoint_url: url,
        bucket: outputsBucket,
        config_json: url === null ? null : JSON.stringify([byHand(url)], null, 2),
        message: url === null ? noAddress : null,
      };
    },
  } satisfies Partial<PublishingHandlers>;
}

/** For a trainer that no job of this server started; a job's own has a credential of its own that dies with it. */
function byHand(url: string) {
  return {
    provider: "s3",
    bucket: outputsBucket,
    endpoint_url: url,
    access_key: "<an access key of the storage page>",
    secret_key: "<its secret>",
    use_ssl: url.startsWith("https:"),
  };
}

function token(options: PublishingOptions) {
  return {
    validateHubToken: (_, context) => tokenState(options, context),
    async saveHubToken({ body }, context) {
      const state = await stateOf(options.hub, body.token, context);
      if (state.refused) throw fail("validation_error", { field: "token", problem: state.message });
      await options.writeSecret("HF_TOKEN", body.token, context.caller.userId);
      const { valid, username, can_write, message } = state;
      return { valid, username, can_write, message };
    },
    async removeHubToken(_, { caller }) {
      const { still_in } = await options.writeSecret("HF_TOKEN", null, caller.userId);
      return { success: true as const, still_in };
    },
  } satisfies Partial<PublishingHandlers>;
}

async function tokenOrNull({ hubToken }: PublishingOptions): Promise<string | null> {
  return hubToken().catch((error: unknown) => {
    if (error instanceof Failure) return null;
    throw error;
  });
}

async function tokenState(options: PublishingOptions, context: RequestContext): Promise<HubTokenState> {
  try {
    const { valid, username, can_write, message } = await stateOf(
      options.hub,
      await options.hubToken(),
      context,
    );
    return { valid, username, can_write, message };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { valid: false, username: null, can_write: false, message: error.message };
  }
}

async function stateOf(
  hub: HubLookup,
  given: string | null,
  { closed }: RequestContext,
): Promise<HubTokenState & { refused: boolean }> {
  try {
    const { name, writeProblem } = await hub.account(given, closed);
    const problem = writeProblem(name);
    return {
      valid: true,
      username: name,
      can_write: problem === null,
      message: problem ?? `The token is ${name}'s and may write.`,
      refused: false,
    };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const refused = error.code === "destination_refused";
    return { valid: false, username: null, can_write: false, message: error.message, refused };
  }
}

function questions({ hub, hubToken }: PublishingOptions) {
  return {
    async checkHubRepository({ body: { repo_id } }, { closed }) {
      const given = await hubToken();
      const found = await hub.repository(given, repo_id, closed);
      if (found !== null)
        return {
          repo_id,
          exists: true,
          available: false,
          private: found.isPrivate,
          message: `${repo_id} is there already; what is published there becomes its newest version.`,
        };
      const problem = (await hub.account(given, closed)).writeProblem(repo_id.slice(0, repo_id.indexOf("/")));
      return {
        repo_id,
        exists: false,
        available: problem === null,
        private: null,
        message: problem ?? `${repo_id} is free.`,
      };
    },
    async hubNamespaces(_, { closed }) {
      try {
        const account = await hub.account(await hubToken(), closed);
        const owners = [account.name, ...account.organizations];
        return {
          username: account.name,
          organizations: [...account.organizations],
          namespaces: owners.filter((owner) => account.writeProblem(owner) === null),
          message: null,
        };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { username: null, organizations: [], namespaces: [], message: error.message };
      }
    },
    async modelLicense({ body: { model_family } }) {
      const family = modelFamily(model_family);
      return {
        model_family,
        license: family?.license ?? null,
        license_name: family?.licenseName ?? null,
      };
    },
  } satisfies Partial<PublishingHandlers>;
}
