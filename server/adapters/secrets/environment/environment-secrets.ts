import { secretsIn, type SecretSource } from "../secret-source.ts";

/** Secrets in the environment of the server. */
export function environmentSecrets(env: NodeJS.ProcessEnv): SecretSource {
  return {
    id: "environment",
    place: "the server's environment",
    read: async () => secretsIn(env),
  };
}
