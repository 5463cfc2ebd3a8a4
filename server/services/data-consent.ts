import type { dataConsentEndpoints, DatasetPlan } from "@simpletuner-cloud/contract/data-consent.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { DatasetRoute } from "../adapters/providers/dataset-route.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";
import type { ConfigFiles } from "./config-files.ts";
import type { DatasetPackaging, PackagingPlan } from "./dataset-packaging.ts";
import { routeOf, sendsFiles } from "./dataset-routes.ts";
import type { Handlers } from "./handler.ts";
import { type JobInputs, resolveInputs } from "./job-inputs.ts";

/** How long a reviewed plan may be agreed to. */
const consentLifetimeMs = 24 * 3_600_000;

/** What consent needs. */
export interface DataConsentOptions {
  files: ConfigFiles;
  packaging: DatasetPackaging;
  settings: SettingStore;
  secrets: SecretBox;
  now: () => number;
  /** Throws `unknown_provider`. */
  findProvider: (id: string) => Provider;
  /** The inputs of an earlier job that the caller may see. */
  inputsOf: (jobId: string, caller: Caller) => Promise<JobInputs>;
}

/** Plans of what would be sent, and the consent that binds a submit to one of them. */
export function dataConsentService(
  options: DataConsentOptions,
): Handlers<typeof dataConsentEndpoints> & ConsentCheck {
  const { settings } = options;
  return {
    async getConsentSetting() {
      return { consent: await settings.get("dataConsent") };
    },
    async putConsentSetting({ body }) {
      await settings.set({ dataConsent: body.consent });
      return { success: true, consent: body.consent };
    },
    async previewDatasets({ body }, { caller }) {
      const provider = options.findProvider(body.provider ?? "local");
      const inputs =
        body.retry_of === undefined
          ? await resolveInputs(options.files, body)
          : await options.inputsOf(body.retry_of, caller);
      const transfer =
        body.dataset_transfer ??
        ((await provider.describe()).capabilities.reads_in_place ? "in_place" : "package");
      const plan = await options.packaging.plan(inputs.dataloader);
      const route = await routeOf(provider, transfer, inputs, plan);
      return describePlan(options, plan, route, { provider: provider.id, userId: caller.userId });
    },
    async checkConsent(plan, { userId, provider, way, token }) {
      const mode = await settings.get("dataConsent");
      if (mode === "deny") throw fail("consent_denied");
      if (mode === "allow") return null;
      if (token === undefined) throw fail("consent_required");
      const [expires, signature] = token.split(".");
      const valid =
        expires !== undefined &&
        signature !== undefined &&
        Number(expires) > options.now() &&
        options.secrets.verify("consent", [userId, provider, way, plan.fingerprint, expires], signature);
      if (!valid) throw fail("consent_stale");
      return plan.fingerprint;
    },
  };
}

/** Decides whether a plan may be sent. */
export interface ConsentCheck {
  /**
   * Answers the fingerprint that was agreed to, or null when the setting is `allow`. Throws `consent_denied`,
   * `consent_required`, or `consent_stale` when the token is of another plan, person, provider or way there, or too old.
   */
  checkConsent(
    plan: PackagingPlan,
    by: { userId: string; provider: string; way: DatasetRoute["way"]; token: string | undefined },
  ): Promise<string | null>;
}

async function describePlan(
  options: DataConsentOptions,
  plan: PackagingPlan,
  route: DatasetRoute,
  to: { provider: string; userId: string },
): Promise<DatasetPlan> {
  const mode = await options.settings.get("dataConsent");
  const sends = sendsFiles(route);
  const expires = String(options.now() + consentLifetimeMs);
  const meant = [to.userId, to.provider, route.way, plan.fingerprint, expires];
  const token = `${expires}.${options.secrets.sign("consent", meant)}`;
  const { refusal } = route;
  return {
    ...plan,
    requires_upload: sends && mode !== "deny",
    consent_mode: mode,
    destination: route.destination,
    deleted_when: route.deletedWhen,
    route: {
      way: route.way,
      size_bytes: sends ? plan.archive_bytes : 0,
      limit_bytes: route.limitBytes,
      notes: [...route.notes],
      refusal: refusal && { code: refusal.code, message: refusal.message, details: { ...refusal.details } },
    },
    consent_token: sends && mode === "ask" && refusal === null ? token : null,
    message:
      sends && mode === "deny"
        ? "Uploads are switched off in the settings, so this job can only read its datasets in place."
        : null,
  };
}
