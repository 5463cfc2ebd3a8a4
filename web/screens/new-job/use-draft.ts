import { useCallback, useEffect, useState } from "preact/hooks";
import { asError, call } from "../../api.ts";
import { keepTabValue, tabValue } from "../../browser-storage.ts";
import type { ConfigValue } from "../config-editor/config-value.ts";
import { emptyDraft, type JobDraft } from "./draft.ts";

/** The draft of one form, kept for the tab with every change. */
export interface DraftState {
  draft: JobDraft | null;
  error: Error | null;
  change: (changes: Partial<JobDraft>) => void;
  /** Throws the draft away, begins anew, and answers what was thrown away. */
  discard: () => JobDraft | null;
}

/** Where the form starts from: another job, a saved configuration, or nothing. */
export interface DraftStart {
  clone: string | null;
  config: string | null;
}

/** Names the form, so that each start has a draft of its own. */
export function formId({ clone, config }: DraftStart): string {
  return clone === null ? `new:${config ?? ""}` : `clone:${clone}`;
}

async function startDraft({ clone, config }: DraftStart): Promise<JobDraft> {
  if (clone === null) return { ...emptyDraft(), savedName: config };
  const params = { job_id: clone };
  const [{ job }, frozen, { deliveries }] = await Promise.all([
    call("GET /api/cloud/jobs/{job_id}", { params }),
    call("GET /api/cloud/jobs/{job_id}/config", { params }),
    call("GET /api/cloud/jobs/{job_id}/deliveries", { params }),
  ]);
  const value: ConfigValue = { config: frozen.config, datasets: frozen.dataloader_config };
  return {
    source: "inline",
    savedName: null,
    value,
    original: value,
    baseName: job.config_name,
    clonedFrom: job.name,
    provider: job.provider,
    hardware: job.job_type === "cloud" ? job.hardware_type : null,
    transfer: frozen.dataset_transfer,
    runName: job.name,
    destinations: deliveries.flatMap(({ destination_id: id }) => (id === null ? [] : [id])),
  };
}

/** Forgets the tab's draft, once it has become a job. */
export function forgetDraft(start: DraftStart): void {
  keepTabValue(`draft:${formId(start)}`, null);
}

/** Restores the tab's draft for this start, or makes one. */
export function useDraft(start: DraftStart): DraftState {
  const keptAs = `draft:${formId(start)}`;
  const [draft, setDraft] = useState(() => tabValue<JobDraft>(keptAs));
  const [error, setError] = useState<Error | null>(null);
  const begin = useCallback(() => {
    setError(null);
    startDraft(start).then(setDraft, (thrown: unknown) => setError(asError(thrown)));
  }, [keptAs]);
  useEffect(() => {
    const kept = tabValue<JobDraft>(keptAs);
    setDraft(kept);
    if (!kept) begin();
  }, [keptAs]);
  const change = (changes: Partial<JobDraft>): void => {
    setDraft((old) => {
      const next = { ...(old ?? emptyDraft()), ...changes };
      keepTabValue(keptAs, next);
      return next;
    });
  };
  const discard = (): JobDraft | null => {
    forgetDraft(start);
    begin();
    return draft;
  };
  return { draft, error, change, discard };
}
