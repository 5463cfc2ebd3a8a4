import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { call } from "../../api.ts";
import { rememberJobs } from "../../live.ts";
import { navigate } from "../../router.ts";

/**
 * Submits a finished job's frozen inputs again and answers the new job. Data that would be sent and is no longer
 * what the user agreed to then is not agreed to here: the new-job page opens with its plan and the answer is null.
 */
export async function retryJob(job: Pick<Job, "job_id" | "provider">): Promise<Job | null> {
  const params = { job_id: job.job_id };
  const frozen = await call("GET /api/cloud/jobs/{job_id}/config", { params });
  const plan = await call("POST /api/cloud/data-consent/preview", {
    body: { provider: job.provider, retry_of: job.job_id, dataset_transfer: frozen.dataset_transfer },
  });
  if (plan.consent_token !== null && plan.fingerprint !== frozen.fingerprint) {
    navigate(`/jobs/new?clone=${encodeURIComponent(job.job_id)}`);
    return null;
  }
  const consent = plan.consent_token === null ? {} : { consent_token: plan.consent_token };
  const answer = await call("POST /api/cloud/jobs/{job_id}/retry", { params, body: consent });
  rememberJobs([answer.job]);
  return answer.job;
}
