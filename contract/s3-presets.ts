import type { S3Settings, s3Presets } from "./destinations.ts";

/** One of the services that the form and the command line know. */
export type S3Preset = (typeof s3Presets)[number];

/** The region that a service is asked in unless somebody says another; R2 and MinIO have only this one. */
export const presetRegions: Readonly<Record<S3Preset, string>> = {
  aws: "us-east-1",
  backblaze: "us-west-004",
  cloudflare: "auto",
  minio: "us-east-1",
  other: "us-east-1",
};

/** The endpoint that follows from the region, where it does; null where somebody has to say it, or nobody has to. */
export function endpointOfRegion(preset: S3Preset, region: string): string | null {
  return preset === "backblaze" ? `https://s3.${region}.backblazeb2.com` : null;
}

/** Whether the bucket goes into the path: own servers seldom have a name for each bucket. */
export function presetPathStyle(preset: S3Preset): boolean {
  return preset === "minio" || preset === "other";
}

/** What a bucket is delivered to unless somebody says otherwise. */
export const usualFolders = { prefix: "models", folder: "{name}-{id}" } satisfies Partial<S3Settings>;
