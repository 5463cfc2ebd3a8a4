import type { GetSecretValueCommandOutput, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { AwsSecretConfig } from "../../../config/secrets.ts";
import { OutboundError, type OutboundService } from "../../outbound/outbound-http.ts";
import {
  secretName,
  secretsIn,
  type SecretSource,
  SecretSourceError,
  type Secrets,
} from "../secret-source.ts";
import { outboundHandler } from "./outbound-handler.ts";

/**
 * The secrets in one secret of AWS Secrets Manager: a flat JSON document, as text or binary; any other text is one
 * secret, named by the last part of the secret's name. The SDK is loaded at the first question; it finds the
 * credentials that are not given (profile, role of the machine) by itself.
 */
export function awsSecrets(config: AwsSecretConfig, http: OutboundService): SecretSource {
  const { secret } = config;
  let client: Promise<SecretsManagerClient> | null = null;
  return {
    id: "aws",
    place: `AWS Secrets Manager, secret ${secret}`,
    async read() {
      client ??= connect(config, http);
      try {
        return secretsOfAnswer(secret, await ask(await client, secret));
      } catch (error) {
        if (named(error) === "ResourceNotFoundException") return new Map();
        throw sourceError(error);
      }
    },
  };
}

async function connect(
  { region, endpoint, credentials }: AwsSecretConfig,
  http: OutboundService,
): Promise<SecretsManagerClient> {
  const { SecretsManagerClient } = await import("@aws-sdk/client-secrets-manager");
  return new SecretsManagerClient({
    ...(region && { region }),
    ...(endpoint && { endpoint }),
    ...(credentials && { credentials }),
    requestHandler: outboundHandler(http),
    // Retries are the outbound port's.
    maxAttempts: 1,
  });
}

async function ask(client: SecretsManagerClient, secret: string): Promise<GetSecretValueCommandOutput> {
  const { GetSecretValueCommand } = await import("@aws-sdk/client-secrets-manager");
  return client.send(new GetSecretValueCommand({ SecretId: secret }));
}

function secretsOfAnswer(secret: string, answer: GetSecretValueCommandOutput): Secrets {
  const text = answer.SecretString ?? Buffer.from(answer.SecretBinary ?? []).toString("utf8");
  const document = parsed(text);
  if (typeof document === "object" && document !== null) return secretsIn(document);
  const last = (answer.Name ?? secret).split(/[/:]/).at(-1) ?? secret;
  return secretsIn({ [secretName(last)]: text });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function named(error: unknown): string {
  return error instanceof Error ? error.name : "";
}

/** Refusals of AWS that pass by themselves. */
const passing =
  /Throttling|TooManyRequests|InternalServiceError|InternalFailure|ServiceUnavailable|RequestTimeout/;

/** The SDK's own words are not passed on: they may repeat what was sent. */
function sourceError(error: unknown): SecretSourceError {
  const where = "AWS Secrets Manager";
  if (error instanceof OutboundError) return new SecretSourceError(error.message, error.isPassing, error);
  const name = named(error);
  if (name === "InvalidRequestException")
    return new SecretSourceError(`${where}: the secret is scheduled for deletion. Restore it.`, false, error);
  if (name === "CredentialsProviderError")
    return new SecretSourceError(
      `${where}: no AWS credentials were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role.`,
      false,
      error,
    );
  if (
    /^(AccessDenied|UnrecognizedClient|InvalidSignature|ExpiredToken|IncompleteSignature|DecryptionFailure)/.test(
      name,
    )
  )
    return new SecretSourceError(
      `${where} refuses (${name}). The role needs secretsmanager:GetSecretValue on the secret, and its key.`,
      false,
      error,
    );
  return new SecretSourceError(`${where} does not answer as it should (${name}).`, passing.test(name), error);
}
