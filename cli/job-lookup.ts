import { ApiError } from "@simpletuner-cloud/contract/client.ts";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { CommandFailure } from "./io.ts";
import type { ServerConnection } from "./server-address.ts";

/** The job whose id is `given` or starts with it; more than one match is refused with their ids. */
export async function findJob(connection: ServerConnection, given: string): Promise<Job> {
  try {
    return (await connection.call("GET /api/cloud/jobs/{job_id}", { params: { job_id: given } })).job;
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "job_not_found") throw error;
    const { jobs } = await connection.call("GET /api/cloud/jobs", { query: { q: given, limit: 100 } });
    const matches = jobs.filter((job) => job.job_id.startsWith(given));
    if (matches.length === 1 && matches[0]) return matches[0];
    if (matches.length === 0) throw error;
    const ids = matches.slice(0, 5).map((job) => job.job_id);
    const more = matches.length > ids.length ? ", …" : "";
    throw new CommandFailure(
      `${matches.length} jobs start with ${given}: ${ids.join(", ")}${more}. Give more of the id.`,
    );
  }
}
