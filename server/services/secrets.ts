import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type {
  secretEndpoints,
  SecretSourceState,
  SecretWritten,
} from "@simpletuner-cloud/contract/secrets.ts";
import {
  secretName,
  type SecretSource,
  SecretSourceError,
  type SecretSourceId,
  type Secrets,
  type SecretSources,
} from "../adapters/secrets/secret-source.ts";
import { hideValue } from "../domain/hidden-values.ts";
import type { ServerEventStore } from "../db/stores/server-events.ts";
import type { Handlers } from "./handler.ts";

/** A secret and the source that answered. */
export interface FoundSecret {
  value: string;
  source: SecretSourceId;
}

/** Secrets that the product asks for by itself. */
const purposes: Readonly<Record<string, string>> = {
  REPLICATE_API_TOKEN: "the account at Replicate that jobs run in",
  HF_TOKEN: "pushes models to the Hugging Face Hub",
};

/**
 * Asks the sources in their order: environment, file, AWS Secrets Manager, Vault. A source that cannot tell does not
 * keep the later ones from being asked.
 */
export function secretChain({ all }: SecretSources) {
  /** The first of the names that there is, or null. Throws `secrets_unavailable` when a source could not tell. */
  const find = async (...names: string[]): Promise<FoundSecret | null> => {
    const wanted = names.map(secretName);
    let problem: SecretSourceError | null = null;
    for (const source of all) {
      const outcome = await readOrProblem(source);
      if (outcome instanceof SecretSourceError) problem ??= outcome;
      else
        for (const name of wanted) {
          const value = outcome.get(name);
          if (value !== undefined) {
            hideValue(value);
            return { value, source: source.id };
          }
        }
    }
    if (problem === null) return null;
    throw fail("secrets_unavailable", { name: wanted[0] ?? "", reason: problem.message }, problem);
  };
  return {
    find,
    /** What each source says now, in their order. */
    look: () => Promise.all(all.map((source) => look(source))),
    /** Keeps leases alive; to be called every minute. */
    async keepUp(): Promise<void> {
      for (const source of all) await source.keepUp?.();
    },
  };
}

/** See {@link secretChain}. */
export type SecretChain = ReturnType<typeof secretChain>;

async function readOrProblem(source: SecretSource): Promise<Secrets | SecretSourceError> {
  return source.read().catch((error: unknown) => {
    if (error instanceof SecretSourceError) return error;
    throw error;
  });
}

async function look(source: SecretSource): Promise<{ state: SecretSourceState; secrets: Secrets }> {
  const outcome = await readOrProblem(source);
  const problem = outcome instanceof SecretSourceError ? outcome.message : null;
  const warning = (await source.warning?.().catch(() => null)) ?? null;
  return {
    state: { id: source.id, place: source.place, answers: problem === null, problem, warning },
    secrets: outcome instanceof SecretSourceError ? new Map() : outcome,
  };
}

/** What writing secrets needs. */
export interface SecretWriterOptions {
  secretSources: SecretSources;
  secretChain: SecretChain;
  serverEvents: ServerEventStore;
}

/** Stores a secret in the file, or (null) removes it, and tells who did. Throws `secret_not_stored`. */
export function secretWriter({ secretSources, secretChain: chain, serverEvents }: SecretWriterOptions) {
  return async (given: string, value: string | null, by: string): Promise<SecretWritten> => {
    const name = secretName(given);
    const file_path = await secretSources.file.write(name, value).catch((error: unknown) => {
      throw fail("secret_not_stored", { name, reason: reasonOf(error) }, error);
    });
    await serverEvents.append("secrets.changed", { name, stored: value !== null, by });
    const sources = (await chain.look())
      .filter(({ secrets }) => secrets.has(name))
      .map(({ state }) => state.id);
    const first = sources[0] ?? null;
    return {
      success: true,
      name,
      file_path,
      overridden_by: value !== null && first !== "file" ? first : null,
      still_in: value === null ? first : null,
    };
  };
}

/** See {@link secretWriter}. */
export type SecretWriter = ReturnType<typeof secretWriter>;

function reasonOf(error: unknown): string {
  if (error instanceof SecretSourceError) return error.message;
  return `its file cannot be written (${(error as NodeJS.ErrnoException).code ?? "unknown"}).`;
}

/** Lists, stores and removes secrets. */
export function secretService(options: {
  secretChain: SecretChain;
  writeSecret: SecretWriter;
}): Handlers<typeof secretEndpoints> {
  return {
    async listSecrets() {
      const looked = await options.secretChain.look();
      // The environment is full of what is nobody's business here: of it only what is known otherwise is told.
      const named = looked
        .filter(({ state }) => state.id !== "environment")
        .flatMap(({ secrets }) => [...secrets.keys()]);
      const names = [...new Set([...Object.keys(purposes), ...named])].sort();
      return {
        sources: looked.map(({ state }) => state),
        secrets: names.map((name) => ({
          name,
          purpose: purposes[name] ?? null,
          sources: looked.filter(({ secrets }) => secrets.has(name)).map(({ state }) => state.id),
        })),
      };
    },
    putSecret: ({ params, body }, { caller }) =>
      options.writeSecret(params.secret_name, body.value, caller.userId),
    deleteSecret: ({ params }, { caller }) => options.writeSecret(params.secret_name, null, caller.userId),
  };
}
