import { Type, type Static, type TSchema } from "typebox";
import { spendPeriods } from "./cost.ts";
import { endpoint } from "./endpoint.ts";
import { MaybeInstant, MaybeNumber, MaybeString } from "./instants.ts";

const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const change = <Schema extends TSchema>(schema: Schema) => Type.Optional(orNull(schema));

const HardwarePrice = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 80 })),
    cost_per_second: Type.Number({ minimum: 0, maximum: 1, description: "US dollars, to the billionth" }),
  },
  { additionalProperties: false },
);

/** How a model is named: `owner/name` for its newest version, or `owner/name:version`. */
export const modelPattern = /^[\w.-]+\/[\w.-]+(:[0-9a-f]{64})?$/;

const Requests = Type.Integer({ minimum: 1, maximum: 10_000 });
const Seconds = Type.Integer({ minimum: 1, maximum: 3_600 });
const Text = Type.String({ maxLength: 2_048 });

/**
 * Every setting of a provider by name: what may be sent, and what it means. Spend limits go by `cost_limit_*` in the
 * same bodies; they are those of the cost endpoints.
 */
const settingSchemas = {
  version_override: Type.String({
    maxLength: 300,
    description:
      "Model that trains, owner/name or owner/name:version; default REPLICATE_MODEL. It decides the hardware",
  }),
  hardware_profile: Type.String({
    maxLength: 80,
    description: "Hardware of jobs that choose none, such as l40s-x2; default: the model's own",
  }),
  hardware_info: Type.Record(Type.String({ maxLength: 120 }), HardwarePrice, {
    description:
      "Prices by hardware id that hold instead of the built-in ones; that of one GPU holds for its multiples",
  }),
  webhook_url: Type.String({
    maxLength: 2_048,
    description:
      "Public address of this server, without a path of its own; default SIMPLETUNER_PUBLIC_URL. The provider's webhooks and uploads come here",
  }),
  webhook_require_signature: Type.Boolean({ description: "Default true" }),
  webhook_allowed_ips: Type.Array(Type.String({ maxLength: 64 }), {
    maxItems: 500,
    description: "Addresses or CIDR ranges that webhooks may come from; empty: all",
  }),
  webhook_rate_limit_max: Requests,
  webhook_rate_limit_window: Seconds,
  s3_endpoint_enabled: Type.Boolean({
    description:
      "Trainers may upload to this server's storage endpoint; default true where it can be reached",
  }),
  s3_public_url: Type.String({
    maxLength: 2_048,
    description: "Public address of the storage endpoint's server; default webhook_url",
  }),
  s3_rate_limit_max: Requests,
  s3_rate_limit_window: Seconds,
  ssl_verify: Type.Boolean({
    description: "Default SIMPLETUNER_SSL_VERIFY. Turning it off needs ssl_risk_acknowledged",
  }),
  ssl_ca_bundle: Type.String({
    maxLength: 2_048,
    description:
      "File of certificates in PEM on the server, to trust beside the known ones; default SIMPLETUNER_CA_BUNDLE",
  }),
  proxy_url: Type.String({
    maxLength: 2_048,
    description:
      "http://user:password@host:port; default HTTPS_PROXY and HTTP_PROXY. Answers show the password as ***",
  }),
  http_timeout: Type.Number({
    minimum: 1,
    maximum: 3_600,
    description: "Seconds; default SIMPLETUNER_HTTP_TIMEOUT",
  }),
} as const;

/** A name of a provider's setting. */
export type ProviderSettingName = keyof typeof settingSchemas;
/** Every {@link ProviderSettingName}. */
export const providerSettingNames = Object.keys(settingSchemas) as ProviderSettingName[];

/** What an administrator has set; a name that is absent has its default. */
export type ProviderSettingValues = {
  -readonly [Name in ProviderSettingName]?: Static<(typeof settingSchemas)[Name]>;
};

const costLimit = {
  cost_limit_enabled: Type.Boolean(),
  cost_limit_amount: Type.Number({ minimum: 0.01, maximum: 100_000_000 }),
  cost_limit_period: Type.Enum(spendPeriods),
  cost_limit_action: Type.Enum(["warn", "block", "require_approval", "stop"] as const),
};

/** The settings that hold, defaults included. */
export const ProviderConfig = Type.Object({
  version_override: Text,
  hardware_profile: MaybeString,
  hardware_info: settingSchemas.hardware_info,
  webhook_url: MaybeString,
  webhook_require_signature: Type.Boolean(),
  webhook_allowed_ips: settingSchemas.webhook_allowed_ips,
  webhook_rate_limit_max: Requests,
  webhook_rate_limit_window: Seconds,
  s3_endpoint_enabled: Type.Boolean(),
  s3_public_url: MaybeString,
  s3_rate_limit_max: Requests,
  s3_rate_limit_window: Seconds,
  ssl_verify: Type.Boolean(),
  ssl_ca_bundle: MaybeString,
  proxy_url: MaybeString,
  http_timeout: Type.Number(),
  cost_limit_enabled: Type.Boolean(),
  cost_limit_amount: MaybeNumber,
  cost_limit_period: orNull(costLimit.cost_limit_period),
  cost_limit_action: orNull(costLimit.cost_limit_action),
});
/** See the schema. */
export type ProviderConfig = Static<typeof ProviderConfig>;

/** The settings of one provider, who changed them last, and which of them are not the default. */
export const ProviderConfigAnswer = Type.Object({
  provider: Type.String(),
  config: ProviderConfig,
  set: Type.Array(Type.String(), { description: "Names that were set here; all others have their default" }),
  version: Type.Integer({ minimum: 0, description: "Grows with each change; send it back to guard yours" }),
  updated_at: MaybeInstant,
  updated_by: MaybeString,
});
/** See the schema. */
export type ProviderConfigAnswer = Static<typeof ProviderConfigAnswer>;

const guards = {
  version: Type.Optional(
    Type.Integer({
      minimum: 0,
      description: "Refuses the change when the settings are not this version any more",
    }),
  ),
  ssl_risk_acknowledged: Type.Optional(
    Type.Boolean({
      description:
        "true: whoever turns ssl_verify off knows that anybody on the way can read and change what is sent",
    }),
  ),
};

/** A change: what is left out stays, null or an empty text goes back to the default. */
export const PutProviderConfig = Type.Object(
  {
    version_override: change(settingSchemas.version_override),
    hardware_profile: change(settingSchemas.hardware_profile),
    hardware_info: change(settingSchemas.hardware_info),
    webhook_url: change(settingSchemas.webhook_url),
    webhook_require_signature: change(settingSchemas.webhook_require_signature),
    webhook_allowed_ips: change(settingSchemas.webhook_allowed_ips),
    webhook_rate_limit_max: change(settingSchemas.webhook_rate_limit_max),
    webhook_rate_limit_window: change(settingSchemas.webhook_rate_limit_window),
    s3_endpoint_enabled: change(settingSchemas.s3_endpoint_enabled),
    s3_public_url: change(settingSchemas.s3_public_url),
    s3_rate_limit_max: change(settingSchemas.s3_rate_limit_max),
    s3_rate_limit_window: change(settingSchemas.s3_rate_limit_window),
    ssl_verify: change(settingSchemas.ssl_verify),
    ssl_ca_bundle: change(settingSchemas.ssl_ca_bundle),
    proxy_url: change(settingSchemas.proxy_url),
    http_timeout: change(settingSchemas.http_timeout),
    cost_limit_enabled: Type.Optional(costLimit.cost_limit_enabled),
    cost_limit_amount: change(costLimit.cost_limit_amount),
    cost_limit_period: Type.Optional(costLimit.cost_limit_period),
    cost_limit_action: Type.Optional(costLimit.cost_limit_action),
    ...guards,
  },
  { additionalProperties: false },
);
/** See the schema. */
export type PutProviderConfig = Static<typeof PutProviderConfig>;

/** The network and webhook settings that hold. */
export const AdvancedProviderSettings = Type.Object({
  ssl_verify: Type.Boolean(),
  ssl_ca_bundle: MaybeString,
  proxy_url: MaybeString,
  http_timeout: Type.Number(),
  webhook_ip_allowlist_enabled: Type.Boolean(),
  webhook_allowed_ips: settingSchemas.webhook_allowed_ips,
  version: Type.Integer(),
});
/** See the schema. */
export type AdvancedProviderSettings = Static<typeof AdvancedProviderSettings>;

const params = Type.Object({ provider: Type.String({ minLength: 1, maxLength: 40 }) });
const tag = "Providers";
const errors = ["unknown_provider", "provider_has_no_settings"] as const;
const changeErrors = [...errors, "provider_settings_changed", "ssl_risk_not_acknowledged"] as const;

/** Endpoints of the settings of one provider. */
export const providerSettingEndpoints = {
  getProviderConfig: endpoint({
    method: "GET",
    path: "/api/cloud/providers/{provider}/config",
    access: "admin.config",
    tag,
    summary: "The settings of a provider, defaults included",
    params,
    answer: ProviderConfigAnswer,
    errors,
  }),
  putProviderConfig: endpoint({
    method: "PUT",
    path: "/api/cloud/providers/{provider}/config",
    access: "admin.config",
    tag,
    summary: "Changes some of them; they hold from the next call to the provider on",
    params,
    body: PutProviderConfig,
    answer: ProviderConfigAnswer,
    errors: changeErrors,
  }),
  putProvider: endpoint({
    method: "PUT",
    path: "/api/cloud/providers/{provider}",
    access: "admin.config",
    tag,
    summary: "The same under its short name",
    params,
    body: PutProviderConfig,
    answer: ProviderConfigAnswer,
    errors: changeErrors,
  }),
  getAdvancedProviderSettings: endpoint({
    method: "GET",
    path: "/api/cloud/providers/{provider}/advanced",
    access: "admin.config",
    tag,
    summary: "How the provider is reached, and who may send its webhooks",
    params,
    answer: AdvancedProviderSettings,
    errors,
  }),
  patchAdvancedProviderSettings: endpoint({
    method: "PATCH",
    path: "/api/cloud/providers/{provider}/advanced",
    access: "admin.config",
    tag,
    summary: "Changes some of that",
    params,
    body: Type.Object(
      {
        ssl_verify: change(settingSchemas.ssl_verify),
        ssl_ca_bundle: change(settingSchemas.ssl_ca_bundle),
        proxy_url: change(settingSchemas.proxy_url),
        http_timeout: change(settingSchemas.http_timeout),
        webhook_ip_allowlist_enabled: Type.Optional(
          Type.Boolean({ description: "false empties the list; true needs addresses in it" }),
        ),
        webhook_allowed_ips: change(settingSchemas.webhook_allowed_ips),
        ...guards,
      },
      { additionalProperties: false },
    ),
    answer: AdvancedProviderSettings,
    errors: changeErrors,
  }),
} as const;
