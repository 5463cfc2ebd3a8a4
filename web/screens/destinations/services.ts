import type {
  DestinationSettings,
  HubSettings,
  S3Settings,
} from "@simpletuner-cloud/contract/destinations.ts";
import {
  endpointOfRegion,
  presetPathStyle,
  presetRegions,
  usualFolders,
} from "@simpletuner-cloud/contract/s3-presets.ts";
import { t } from "./words.ts";

/** What the form calls a service: one kind of settings, for S3 with the peculiarities of who offers it. */
export type ServiceId = S3Settings["preset"] | HubSettings["kind"];

/** A service that results can be delivered to. */
export interface Service {
  id: ServiceId;
  name: string;
  /** Where its access key comes from, and what else there is to know. */
  help: string;
}

/** Every service of the form, in its order. */
export function services(): Service[] {
  return [
    { id: "huggingface", name: "Hugging Face Hub", help: t("help_huggingface") },
    { id: "aws", name: "Amazon S3", help: t("help_aws") },
    { id: "backblaze", name: "Backblaze B2", help: t("help_backblaze") },
    { id: "cloudflare", name: "Cloudflare R2", help: t("help_cloudflare") },
    { id: "minio", name: "MinIO", help: t("help_minio") },
    { id: "other", name: t("service_other"), help: t("help_other") },
  ];
}

/** The service that settings belong to. */
export function serviceOf(settings: DestinationSettings): ServiceId {
  return settings.kind === "s3" ? settings.preset : settings.kind;
}

/** The service's name, for lists. */
export function serviceName(settings: DestinationSettings): string {
  const id = serviceOf(settings);
  return services().find((each) => each.id === id)?.name ?? id;
}

/** Regions that the form offers; any other may be typed. */
export const knownRegions: Readonly<Partial<Record<S3Settings["preset"], readonly string[]>>> = {
  aws: [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "eu-west-1",
    "eu-central-1",
    "eu-north-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-northeast-1",
    "sa-east-1",
  ],
  backblaze: ["us-west-001", "us-west-002", "us-west-004", "us-east-005", "eu-central-003", "ca-east-006"],
};

/** What the form of a service begins with; what was filled in for another and fits is kept. */
export function settingsFor(service: ServiceId, before: DestinationSettings | null): DestinationSettings {
  const included = {
    include_samples: before?.include_samples ?? true,
    include_checkpoints: before?.include_checkpoints ?? false,
  };
  if (service === "huggingface")
    return {
      kind: "huggingface",
      owner: null,
      repository: usualFolders.folder,
      private: true,
      license: null,
      ...included,
    };
  const region = presetRegions[service];
  const bucket = before?.kind === "s3" ? before : null;
  return {
    kind: "s3",
    preset: service,
    endpoint: service === "aws" ? null : (endpointOfRegion(service, region) ?? ""),
    region,
    path_style: presetPathStyle(service),
    bucket: bucket?.bucket ?? "",
    prefix: bucket?.prefix ?? usualFolders.prefix,
    folder: bucket?.folder ?? usualFolders.folder,
    public_base_url: null,
    access_key_id: "",
    ...included,
  };
}

/** Where exactly results go, for people: `s3://bucket/folder/`, or owner and repository. */
export function placeText(settings: DestinationSettings): string {
  if (settings.kind === "huggingface") return `${settings.owner ?? t("own_account")}/${settings.repository}`;
  const folder = [settings.prefix, settings.folder].map((part) => part.replace(/^\/+|\/+$/g, ""));
  return `s3://${[settings.bucket || "…", ...folder].filter((part) => part !== "").join("/")}/`;
}

/** Where the results of a job called Lighthouse would go, as the server fills the words in. */
export function exampleOf(settings: DestinationSettings): string {
  const words: Readonly<Record<string, string>> = {
    name: "Lighthouse",
    id: "4f2a91c0",
    job_id: "0199f3b2-7c41-7a90-8d05-1b2c4f2a91c0",
    family: "flux",
    user: "local",
    date: "2026-01-31",
  };
  return placeText(settings).replaceAll(/\{(\w+)\}/g, (whole, word: string) => words[word] ?? whole);
}
