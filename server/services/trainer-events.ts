import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { trainerEventEndpoints } from "@simpletuner-cloud/contract/trainer-events.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import { isSameSecret } from "../domain/sealed-secret.ts";
import type { Handlers } from "./handler.ts";
import { progressAfter } from "./run-reports.ts";
import type { UploadTokens } from "./upload-tokens.ts";

/** What taking a trainer's events needs. */
export interface TrainerEventOptions {
  jobs: JobStore;
  uploadTokens: UploadTokens;
  now: () => number;
}

/**
 * Takes the events trainers post. The log already tells steps, loss and ends, and it also reaches a server that was
 * down meanwhile; an event adds the name of the stage a moment earlier.
 */
export function trainerEventService(options: TrainerEventOptions): Handlers<typeof trainerEventEndpoints> {
  return {
    async receiveTrainerEvent({ params, body }, { apiKey }) {
      const [secret] = await options.uploadTokens.secretsOf(params.job_id);
      if (secret === undefined || apiKey === null || !isSameSecret(secret, apiKey))
        throw fail("authentication_error");
      const label = body.type === "lifecycle.stage" ? stageLabel(body.stage) : null;
      if (label !== null) {
        await options.jobs.change(params.job_id, (job) =>
          job.wire.status === "running"
            ? {
                wire: { progress: progressAfter(job.wire.progress, [{ stage: label }], [], options.now()) },
                events: [],
              }
            : null,
        );
      }
      return { status: "received" };
    },
  };
}

function stageLabel(stage: unknown): string | null {
  const { label, status } = (stage ?? {}) as { label?: unknown; status?: unknown };
  return typeof label === "string" && status === "running" ? label.slice(0, 60) : null;
}
