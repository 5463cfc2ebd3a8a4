import type { Command } from "commander";
import type { Io } from "../io.ts";
import { addCloudConfig } from "./cloud-config.ts";
import { addCloudCostLimit } from "./cloud-cost-limit.ts";
import { addCloudStatus } from "./cloud-status.ts";
import { addCloudToken } from "./cloud-token.ts";
import { addCloudTunnel } from "./cloud-tunnel.ts";

/** Adds `cloud`: the providers that jobs run at. */
export function addCloud(program: Command, io: Io): void {
  const cloud = program.command("cloud").description("the providers that jobs run at");
  addCloudToken(addCloudConfig(cloud, io), io);
  addCloudCostLimit(cloud, io);
  addCloudStatus(cloud, io);
  addCloudTunnel(cloud, io);
}
