import { useCallback, useState } from "preact/hooks";
import type { SubmitJob } from "@simpletuner-cloud/contract/jobs.ts";
import { ApiError, asError, call } from "../../api.ts";
import { keepTabValue, tabValue } from "../../browser-storage.ts";
import { rememberJobs } from "../../live.ts";

interface KeptSubmit {
  request: string;
  key: string;
  jobId: string | null;
}

/** One form's submission: sends it, keeps its idempotency key over reloads, and knows the job it became. */
export interface Submission {
  sending: boolean;
  error: Error | null;
  /** The job to follow until it has started. */
  jobId: string | null;
  /** True when the datasets are no longer those of the plan and it must be looked at again. */
  planIsStale: boolean;
  submit: (request: SubmitJob) => Promise<void>;
  /** Forgets the job and the key, so that the same form makes a new job. */
  forget: () => void;
}

const staleCodes = ["consent_stale", "dataset_changed", "consent_required"];

/**
 * Submits the form named `formId`. The same request keeps its key until {@link Submission.forget}, so a double
 * click or a reload in the middle gives one job; the consent token is no part of the request's identity.
 */
export function useSubmit(formId: string): Submission {
  const keptAs = `submit:${formId}`;
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const [jobId, setJobId] = useState(() => tabValue<KeptSubmit>(keptAs)?.jobId ?? null);

  const submit = useCallback(
    async (request: SubmitJob): Promise<void> => {
      const { consent_token: _, ...identity } = request;
      const text = JSON.stringify(identity);
      const kept = tabValue<KeptSubmit>(keptAs);
      const key = kept?.request === text ? kept.key : randomKey();
      keepTabValue(keptAs, { request: text, key, jobId: null } satisfies KeptSubmit);
      setSending(true);
      setError(null);
      try {
        const { job } = await call("POST /api/cloud/jobs/submit", {
          body: { ...request, idempotency_key: key },
        });
        rememberJobs([job]);
        keepTabValue(keptAs, { request: text, key, jobId: job.job_id } satisfies KeptSubmit);
        setJobId(job.job_id);
      } catch (thrown) {
        setError(asError(thrown));
      } finally {
        setSending(false);
      }
    },
    [keptAs],
  );
  const forget = useCallback((): void => {
    keepTabValue(keptAs, null);
    setJobId(null);
    setError(null);
  }, [keptAs]);
  const planIsStale = error instanceof ApiError && staleCodes.includes(error.code);
  return { sending, error, jobId, planIsStale, submit, forget };
}

/** 128 random bits as hex; crypto.randomUUID is missing on pages served without TLS. */
function randomKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}
