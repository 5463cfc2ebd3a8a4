import type { DatasetRoute as RouteShown, RouteNote } from "@simpletuner-cloud/contract/data-consent.ts";
import type { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { DataloaderConfig, TrainerConfig } from "../../domain/config-rules.ts";

/** What a provider is asked before anything is packed or sent. */
export interface RouteQuestion {
  config: TrainerConfig;
  dataloader: DataloaderConfig;
  /** Of the datasets of this machine; never too small. */
  archiveBytes: number;
  files: number;
}

/** How a job's datasets would reach its trainer, and what of their settings would not. */
export interface DatasetRoute {
  way: RouteShown["way"];
  /** Where they go, in words. */
  destination: string;
  /** When they are deleted there, in words. */
  deletedWhen: string;
  /** The most that goes this way; null without a limit. */
  limitBytes: number | null;
  notes: readonly RouteNote[];
  /** Why a job with these datasets is not taken. */
  refusal: Failure | null;
}
