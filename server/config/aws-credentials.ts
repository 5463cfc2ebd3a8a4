import { StartError } from "./values.ts";

/** An access key of an account that speaks AWS's signatures. */
export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** `<prefix>_ACCESS_KEY_ID`, `_SECRET_ACCESS_KEY` and `_SESSION_TOKEN`; null without, a {@link StartError} for half of it. */
export function awsCredentialsOf(env: NodeJS.ProcessEnv, prefix: string): AwsCredentials | null {
  const accessKeyId = env[`${prefix}_ACCESS_KEY_ID`];
  const secretAccessKey = env[`${prefix}_SECRET_ACCESS_KEY`];
  const sessionToken = env[`${prefix}_SESSION_TOKEN`];
  if (!accessKeyId && !secretAccessKey) return null;
  if (!accessKeyId || !secretAccessKey)
    throw new StartError(`${prefix}_ACCESS_KEY_ID and ${prefix}_SECRET_ACCESS_KEY: set both or neither.`);
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}
