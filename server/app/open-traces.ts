import type { Traces } from "../adapters/traces/traces.ts";
import { packageVersion } from "../config/package-files.ts";
import { hideValue } from "../domain/hidden-values.ts";
import { outsideWork } from "../domain/work-scope.ts";
import type { AppOptions } from "./app-options.ts";

/** Traces where a collector is set; null without one, and then nothing of OpenTelemetry is loaded. */
export async function openTraces({
  config,
  log,
}: Pick<AppOptions, "config" | "log">): Promise<Traces | null> {
  if (config.traceCollector === null) return null;
  for (const value of Object.values(config.traceCollector.headers)) value.split(/\s+/).forEach(hideValue);
  const opentelemetry = await import("../adapters/traces/opentelemetry/open-traces.ts");
  return opentelemetry.openTraces({
    config: config.traceCollector,
    outbound: config.outbound,
    version: packageVersion(),
    onChange: (trouble) => outsideWork(() => tell(log, trouble)),
  });
}

function tell(log: AppOptions["log"], trouble: string | null): void {
  if (trouble === null) log.info("the collector takes traces again");
  else
    log.warn({ trouble }, "the collector does not take traces and they are dropped; told once until it does");
}
