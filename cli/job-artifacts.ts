import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import type { ServerConnection } from "./server-address.ts";

/** Every file a job delivered, in the order of keys. */
export async function allArtifacts(connection: ServerConnection, jobId: string): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  for (let after: string | undefined; ;) {
    const page = await connection.call("GET /api/cloud/jobs/{job_id}/artifacts", {
      params: { job_id: jobId },
      query: { limit: 1000, ...(after === undefined ? {} : { after }) },
    });
    artifacts.push(...page.artifacts);
    if (page.next === null) return artifacts;
    after = page.next;
  }
}
