import type { PlanRequest } from "@simpletuner-cloud/contract/data-consent.ts";
import type { SubmitJob } from "@simpletuner-cloud/contract/jobs.ts";
import type { ConfigValue } from "../config-editor/config-value.ts";
import type { EstimateRequest } from "../submit/estimate.tsx";

/** The form as the user left it; kept for the tab. */
export interface JobDraft {
  source: "saved" | "inline";
  savedName: string | null;
  value: ConfigValue | null;
  /** What `value` was copied from, to mark changes. */
  original: ConfigValue | null;
  /** Name of the configuration that `value` was copied from, directly or through a job. */
  baseName: string | null;
  /** Name of the job that was cloned, for people. */
  clonedFrom: string | null;
  provider: string;
  /** One of the provider's hardware ids; null leaves it to the provider. */
  hardware: string | null;
  transfer: "in_place" | "package";
  runName: string;
  /** Ids of the places for the results beside this machine; null leaves it to the defaults. */
  destinations: string[] | null;
  /** Name and message of the version of the configurations that is committed with the job. */
  snapshotName?: string;
  snapshotMessage?: string;
}

/** The form before anything is chosen. */
export function emptyDraft(): JobDraft {
  return {
    source: "saved",
    savedName: null,
    value: null,
    original: null,
    baseName: null,
    clonedFrom: null,
    provider: "local",
    hardware: null,
    transfer: "in_place",
    runName: "",
    destinations: null,
  };
}

/** What of the draft says what to train on; null until something is chosen. */
function inputsOf(
  draft: JobDraft,
): Pick<PlanRequest, "config" | "config_name_to_load" | "dataloader_config"> | null {
  if (draft.source === "saved")
    return draft.savedName === null ? null : { config_name_to_load: draft.savedName };
  if (!draft.value) return null;
  return { config: draft.value.config, dataloader_config: draft.value.datasets };
}

/** The plan to ask for. */
export function planOf(draft: JobDraft): PlanRequest | null {
  const inputs = inputsOf(draft);
  return inputs && { ...inputs, provider: draft.provider, dataset_transfer: draft.transfer };
}

function hardwareOf({ hardware }: JobDraft): { hardware?: string } {
  // A draft that was kept from before there was a choice has none.
  return hardware ? { hardware } : {};
}

/** The estimate to ask for. */
export function estimateOf(draft: JobDraft): EstimateRequest | null {
  const inputs = inputsOf(draft);
  if (!inputs) return null;
  const { dataloader_config: _, ...config } = inputs;
  return { ...config, provider: draft.provider, ...hardwareOf(draft) };
}

function versionOf({ snapshotName, snapshotMessage }: JobDraft): Partial<SubmitJob> {
  const [name, message] = [snapshotName?.trim(), snapshotMessage?.trim()];
  return { ...(name && { snapshot_name: name }), ...(message && { snapshot_message: message }) };
}

/** The submit of the draft with the consent of its plan, if that needs one. */
export function submitOf(draft: JobDraft, consentToken: string | null): SubmitJob | null {
  const plan = planOf(draft);
  if (!plan) return null;
  const name = draft.runName.trim();
  return {
    ...plan,
    ...hardwareOf(draft),
    ...(draft.source === "inline" && draft.baseName !== null && { config_name: draft.baseName }),
    ...(name !== "" && { name }),
    ...versionOf(draft),
    // A draft that was kept from before there was a choice has none.
    ...(draft.destinations && { destinations: draft.destinations }),
    ...(consentToken !== null && { consent_token: consentToken }),
  };
}
