import type { dataConsentEndpoints, DatasetPlan } from "@simpletuner-cloud/contract/data-consent.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { SettingStore } from "../db/stores/settings.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";
import type { ConfigFiles } from "./config-files.ts";
import type { DatasetPackaging, PackagingPlan } from "./dataset-packaging.ts";
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
      return describePlan(options, plan, { provider: provider.id, transfer, userId: caller.userId });
    },
    async checkConsent(plan, { userId, provider, token }) {
      const mode = await settings.get("dataConsent");
      if (mode === "deny") throw fail("consent_denied");
      if (mode === "allow") return null;
      if (token === undefined) throw fail("consent_required");
      const [expires, signature] = token.split(".");
      const valid =
        expires !== undefined &&
        signature !== undefined &&
        Number(expires) > options.now() &&
        options.secrets.verify("consent", [userId, provider, plan.fingerprint, expires], signature);
      if (!valid) throw fail("consent_stale");
      return plan.fingerprint;
    },
  };
}

/** Decides whether a plan may be sent. */
export interface ConsentCheck {
  /**
   * Answers the fingerprint that was agreed to, or null when the setting is `allow`. Throws `consent_denied`,
   * `consent_required`, or `consent_stale` when the token is of another plan, person or provider, or too old.
   */
  checkConsent(
    plan: PackagingPlan,
    by: { userId: string; provider: string; token: string | undefined },
  ): Promise<string | null>;
}

async function describePlan(
  options: DataConsentOptions,
  plan: PackagingPlan,
  to: { provider: string; transfer: "in_place" | "package"; userId: string },
): Promise<DatasetPlan> {
  const mode = await options.settings.get("dataConsent");
  const sends = to.transfer === "package";
  const expires = String(options.now() + consentLifetimeMs);
  const token = `${expires}.${options.secrets.sign("consent", [to.userId, to.provider, plan.fingerprint, expires])}`;
  return {
    ...plan,
    requires_upload: sends && mode !== "deny",
    consent_mode: mode,
    destination: destinationOf(to.provider, sends),
    deleted_when: sends
      ? "As soon as the job has taken its files, and at the latest when it ends."
      : "Nothing is copied, so nothing is deleted.",
    consent_token: sends && mode === "ask" ? token : null,
    message:
      sends && mode === "deny"
        ? "Uploads are switched off in the settings, so this job can only read its datasets in place."
        : null,
  };
}

function destinationOf(provider: string, sends: boolean): string {
  if (!sends) return "The files are read where they are. Nothing is sent or copied.";
  return provider === "local"
    ? "An archive on this machine, in the server's own folder. It does not leave the machine."
    : `An archive that is uploaded to ${provider}.`;
}
