import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { MaybeString } from "./instants.ts";

const SourceId = Type.Union([
  Type.Literal("environment"),
  Type.Literal("file"),
  Type.Literal("aws"),
  Type.Literal("vault"),
]);

/** A place that secrets lie in, and whether it answers. */
export const SecretSourceState = Type.Object({
  id: SourceId,
  place: Type.String(),
  answers: Type.Boolean(),
  problem: MaybeString,
  warning: MaybeString,
});
/** See the schema. */
export type SecretSourceState = Static<typeof SecretSourceState>;

/** A secret by its name; its value is never answered. */
export const SecretState = Type.Object({
  name: Type.String(),
  purpose: MaybeString,
  sources: Type.Array(SourceId, { description: "Where it is; the first one counts" }),
});
/** See the schema. */
export type SecretState = Static<typeof SecretState>;

/** What writing a secret came to. */
export const SecretWritten = Type.Object({
  success: Type.Literal(true),
  name: Type.String(),
  file_path: Type.String(),
  overridden_by: Type.Union([SourceId, Type.Null()], {
    description: "A source that is asked before the file and has the same secret",
  }),
  still_in: Type.Union([SourceId, Type.Null()], { description: "After a removal: where it still is" }),
});
/** See the schema. */
export type SecretWritten = Static<typeof SecretWritten>;

const params = Type.Object({
  secret_name: Type.String({ minLength: 1, maxLength: 100, pattern: "^[A-Za-z_][A-Za-z0-9_.-]*$" }),
});
const tag = "Secrets";

/** Endpoints of secrets: the sources are asked in order, only the file is written. */
export const secretEndpoints = {
  listSecrets: endpoint({
    method: "GET",
    path: "/api/cloud/secrets",
    access: "admin.config",
    tag,
    summary: "Which secrets there are and where, without their values",
    answer: Type.Object({
      secrets: Type.Array(SecretState),
      sources: Type.Array(SecretSourceState, { description: "In the order in which they are asked" }),
    }),
    errors: [],
  }),
  putSecret: endpoint({
    method: "PUT",
    path: "/api/cloud/secrets/{secret_name}",
    access: "admin.config",
    tag,
    summary: "Stores a secret in the file of the state directory",
    params,
    body: Type.Object(
      { value: Type.String({ minLength: 1, maxLength: 65_536 }) },
      { additionalProperties: false },
    ),
    answer: SecretWritten,
    errors: ["secret_not_stored"],
  }),
  deleteSecret: endpoint({
    method: "DELETE",
    path: "/api/cloud/secrets/{secret_name}",
    access: "admin.config",
    tag,
    summary: "Removes a secret from the file of the state directory",
    params,
    answer: SecretWritten,
    errors: ["secret_not_stored"],
  }),
} as const;
