import { Type } from "typebox";
import { endpoint } from "./endpoint.ts";

/** An event as SimpleTuner posts it (CONTRACT 3.6); fields this product does not read may be there, too. */
const TrainerEvent = Type.Object({
  type: Type.String({ maxLength: 80 }),
  message: Type.Optional(Type.Unknown()),
  severity: Type.Optional(Type.Unknown()),
  stage: Type.Optional(Type.Unknown()),
});

/** Endpoints that trainers call. */
export const trainerEventEndpoints = {
  receiveTrainerEvent: endpoint({
    method: "POST",
    path: "/api/webhooks/trainer/{job_id}",
    access: {
      public: "the trainer has no user; it proves itself with its job's own upload secret in X-API-Key",
    },
    tag: "Webhooks",
    summary: "An event of a running trainer",
    params: Type.Object({ job_id: Type.String({ maxLength: 64 }) }),
    body: TrainerEvent,
    answer: Type.Object({ status: Type.Literal("received") }),
    errors: ["authentication_error"],
  }),
} as const;
