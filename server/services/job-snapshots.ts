import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import type { DataloaderConfig, TrainerConfig } from "../domain/config-rules.ts";
import { isSealed, mapSecretFields, type SecretBox } from "../domain/sealed-secret.ts";
import type { JobInputs } from "./job-inputs.ts";

/** Reads the frozen inputs of jobs. */
export function jobSnapshots(jobs: JobStore, secrets: SecretBox) {
  const read = async (jobId: string, secret: (value: string) => string) => {
    const snapshot = await jobs.snapshot(jobId);
    if (!snapshot) throw fail("job_not_found", { job_id: jobId });
    const open = (text: string): unknown => mapSecretFields(JSON.parse(text), secret);
    return {
      config: open(snapshot.config) as TrainerConfig,
      dataloader: open(snapshot.dataloader) as DataloaderConfig,
    };
  };
  const inputs = async (jobId: string): Promise<JobInputs> => {
    const job = await jobs.find(jobId);
    const opened = await read(jobId, (value) => (isSealed(value) ? secrets.open(value) : value));
    return { configName: job?.wire.config_name ?? null, ...opened };
  };
  return {
    /** With secrets as they were submitted: for starting a run, never for an answer. */
    inputs,
    /** For something new of a user: whoever may see a job of another does not come by its secrets. */
    async inputsFor(userId: string, jobId: string): Promise<JobInputs> {
      const job = await jobs.find(jobId);
      if (job?.wire.user_id === userId) return inputs(jobId);
      return { configName: job?.wire.config_name ?? null, ...(await read(jobId, () => "")) };
    },
    /** The secret values of a job's inputs, for blotting them out of what its trainer prints. */
    async secretsOf(jobId: string): Promise<string[]> {
      const found = new Set<string>();
      await read(jobId, (value) => {
        found.add(isSealed(value) ? secrets.open(value) : value);
        return "";
      });
      return [...found];
    },
    /** With secrets hidden. */
    shown: (jobId: string) => read(jobId, () => "********"),
  };
}

/** See {@link jobSnapshots}. */
export type JobSnapshots = ReturnType<typeof jobSnapshots>;
