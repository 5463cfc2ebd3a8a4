import type { Artifact, resultEndpoints } from "@simpletuner-cloud/contract/results.ts";
import type { ObjectInfo, ObjectStorage } from "../adapters/storage/storage.ts";
import type { JobMetricStore } from "../db/stores/job-metrics.ts";
import type { JobStore } from "../db/stores/jobs.ts";
import { artifactKind, artifactStep, outputsBucket } from "../domain/run-files.ts";
import { thinSeries } from "../domain/thin-series.ts";
import type { Handlers } from "./handler.ts";
import { accessibleJob } from "./job-access.ts";

/** Path of the storage endpoint (CONTRACT 1.9). */
export const storagePath = "/api/cloud/storage";

/** A storage that can say where an object's file lies on this machine. */
type ArtifactStorage = ObjectStorage & { filePath?(bucket: string, key: string): Promise<string | null> };

/** What reading results needs. */
export interface ResultServiceOptions {
  jobs: JobStore;
  metrics: JobMetricStore;
  storage: ArtifactStorage;
}

/** What a job measured and produced. */
export function resultService(options: ResultServiceOptions): Handlers<typeof resultEndpoints> {
  return {
    async jobMetrics({ params, query }, { caller }) {
      await accessibleJob(options.jobs, caller, params.job_id, "view");
      const keys = (query.keys ?? "loss")
        .split(",")
        .map((key) => key.trim())
        .filter(Boolean);
      const series = await Promise.all(
        keys.map(async (key) => {
          const whole = await options.metrics.series(
            params.job_id,
            key,
            query.from ?? 0,
            query.to ?? Number.MAX_SAFE_INTEGER,
          );
          return { key, ...thinSeries(whole, query.points ?? 1_000) };
        }),
      );
      return { series, available: await options.metrics.keys(params.job_id) };
    },
    async jobArtifacts({ params, query }, { caller }) {
      await accessibleJob(options.jobs, caller, params.job_id, "view");
      const area = `${params.job_id}/`;
      const limit = query.limit ?? 1_000;
      const artifacts: Artifact[] = [];
      let after = query.after === undefined ? undefined : area + query.after;
      // Kinds are not an order of the storage, so pages are read until the answer is full.
      do {
        const page = await options.storage.listObjects({
          bucket: outputsBucket,
          prefix: area,
          maxKeys: 1_000,
          ...(after === undefined ? {} : { after }),
        });
        const found = await Promise.all(
          page.objects.map((object) => artifactOf(object, area, options.storage)),
        );
        for (const artifact of found) {
          if (query.kind !== undefined && artifact.kind !== query.kind) continue;
          if (artifacts.length === limit)
            return {
              artifacts,
              next: artifacts.at(-1)?.key ?? null,
              total_bytes: await totalBytes(options.storage, area),
            };
          artifacts.push(artifact);
        }
        after = page.next ?? undefined;
      } while (after !== undefined);
      return { artifacts, next: null, total_bytes: await totalBytes(options.storage, area) };
    },
  };
}

async function totalBytes(storage: ObjectStorage, area: string): Promise<number> {
  return (await storage.usage(outputsBucket, area)).sizeBytes;
}

async function artifactOf(object: ObjectInfo, area: string, storage: ArtifactStorage): Promise<Artifact> {
  const key = object.key.slice(area.length);
  const path = object.key.split("/").map(encodeURIComponent).join("/");
  return {
    key,
    kind: artifactKind(key),
    size_bytes: object.sizeBytes,
    etag: object.etag,
    last_modified: new Date(object.lastModifiedMs).toISOString(),
    step: artifactStep(key),
    url: `${storagePath}/${outputsBucket}/${path}`,
    path: (await storage.filePath?.(outputsBucket, object.key)) ?? null,
  };
}
