import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { MaybeString } from "./instants.ts";

/** What this server's token of the Hugging Face Hub is good for. */
export const HubTokenState = Type.Object({
  valid: Type.Boolean(),
  username: MaybeString,
  can_write: Type.Boolean({ description: "To repositories of its own account" }),
  message: Type.String(),
});
/** See the schema. */
export type HubTokenState = Static<typeof HubTokenState>;

const tag = "Publishing";

/** Endpoints about where models can go and with which rights (CONTRACT 1.4, 1.19). */
export const publishingEndpoints = {
  publishingStatus: endpoint({
    method: "GET",
    path: "/api/cloud/publishing/status",
    access: "config.view",
    tag,
    summary: "What there is to publish with: the Hub, buckets, this server's own storage endpoint",
    query: Type.Object({
      config_name: Type.Optional(
        Type.String({ maxLength: 200, description: "A saved configuration whose own publishing to tell" }),
      ),
    }),
    answer: Type.Object({
      hf_configured: Type.Boolean(),
      hf_token_valid: Type.Boolean(),
      hf_username: MaybeString,
      push_to_hub: Type.Boolean({ description: "The configuration has the training push by itself" }),
      hub_model_id: MaybeString,
      s3_configured: Type.Boolean({ description: "A destination, or the configuration, names a bucket" }),
      local_upload_available: Type.Boolean({
        description: "Trainers elsewhere can upload to this server while they train",
      }),
      local_upload_url: MaybeString,
      message: MaybeString,
    }),
    errors: ["config_not_found"],
  }),
  localUploadConfig: endpoint({
    method: "GET",
    path: "/api/cloud/local-upload/config",
    access: "config.view",
    tag,
    summary: "How trainers elsewhere upload to this server; jobs submitted here get this by themselves",
    answer: Type.Object({
      enabled: Type.Boolean(),
      endpoint_url: MaybeString,
      bucket: Type.String(),
      config_json: Type.Union([Type.String(), Type.Null()], {
        description: "publishing_config for a trainer that is started by hand; its keys are a person's own",
      }),
      message: MaybeString,
    }),
    errors: [],
  }),
  validateHubToken: endpoint({
    method: "GET",
    path: "/api/publishing/token/validate",
    access: "config.view",
    tag,
    summary: "Ask the Hub whose this server's token is and what it may do",
    answer: HubTokenState,
    errors: [],
  }),
  saveHubToken: endpoint({
    method: "POST",
    path: "/api/publishing/token/save",
    access: "admin.config",
    tag,
    summary: "Store a token of the Hub as the secret HF_TOKEN, once the Hub takes it",
    body: Type.Object(
      { token: Type.String({ minLength: 4, maxLength: 400, pattern: "^hf_[\\x21-\\x7e]+$" }) },
      { additionalProperties: false },
    ),
    answer: HubTokenState,
    errors: ["secret_not_stored"],
  }),
  removeHubToken: endpoint({
    method: "POST",
    path: "/api/publishing/token/logout",
    access: "admin.config",
    tag,
    summary: "Remove the stored token; one of another source stays",
    answer: Type.Object({ success: Type.Literal(true), still_in: MaybeString }),
    errors: ["secret_not_stored"],
  }),
  checkHubRepository: endpoint({
    method: "POST",
    path: "/api/publishing/repository/check",
    access: "config.view",
    tag,
    summary: "Whether a model repository is there, as far as this server's token may see",
    body: Type.Object(
      {
        repo_id: Type.String({
          minLength: 3,
          maxLength: 200,
          pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$",
        }),
      },
      { additionalProperties: false },
    ),
    answer: Type.Object({
      repo_id: Type.String(),
      exists: Type.Boolean(),
      available: Type.Boolean({ description: "The name is free and the token may make it" }),
      private: Type.Union([Type.Boolean(), Type.Null()]),
      message: Type.String(),
    }),
    errors: ["destination_refused", "destination_unreachable", "destination_busy"],
  }),
  hubNamespaces: endpoint({
    method: "GET",
    path: "/api/publishing/namespaces",
    access: "config.view",
    tag,
    summary: "Owners that repositories can be made under",
    answer: Type.Object({
      username: MaybeString,
      organizations: Type.Array(Type.String()),
      namespaces: Type.Array(Type.String()),
      message: Type.Union([Type.String(), Type.Null()], { description: "Why the Hub did not tell" }),
    }),
    errors: [],
  }),
  modelLicense: endpoint({
    method: "POST",
    path: "/api/publishing/license",
    access: "config.view",
    tag,
    summary: "The license of a model family, as a model card names it",
    body: Type.Object(
      { model_family: Type.String({ minLength: 1, maxLength: 60 }) },
      { additionalProperties: false },
    ),
    answer: Type.Object({ model_family: Type.String(), license: MaybeString, license_name: MaybeString }),
    errors: [],
  }),
} as const;
