import type { Health } from "@simpletuner-cloud/contract/system.ts";
import type { Provider } from "../adapters/providers/provider.ts";
import type { ReadProviderSettings } from "./provider-settings.ts";

type Component = Health["components"][number];

/** What the network's health is told from. */
export interface NetworkHealthOptions {
  providers: { readonly all: readonly Provider[] };
  providerSettings: ReadProviderSettings;
}

/** A component for what makes calls to providers unsafe; none while all is well. */
export async function networkHealth(options: NetworkHealthOptions): Promise<Component[]> {
  const open: string[] = [];
  for (const { id, settable } of options.providers.all)
    if (settable && !(await options.providerSettings.of(id)).verifyTls) open.push(id);
  if (open.length === 0) return [];
  const message = `Certificate verification is off for ${open.join(", ")}: anybody on the way can read and change what is sent`;
  return [{ name: "tls_verification", status: "degraded", latency_ms: null, message }];
}
