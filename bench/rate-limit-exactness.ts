/**
 * The limiter's promise at full size, on every backend that is installed: four processes with 10,000 requests each. First
 * all at once, where exactly the limit must get through; then over many windows, where no window may hold one more than
 * the limit and all together at most 1 % less. `node bench/rate-limit-exactness.ts [kind …]`
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StateKind } from "../server/adapters/state/state.ts";
import { hammerFrom, mostInOneWindow } from "../server/services/rate-limiter-test-processes.ts";
import {
  realMariadb,
  realPostgres,
  realRedis,
  type ServiceUnderTest,
} from "../server/testing/real-services.ts";

const folder = mkdtempSync(join(tmpdir(), "simpletuner-limits-"));
const services: Partial<Record<StateKind, ServiceUnderTest>> = {
  redis: realRedis(),
  postgres: realPostgres(),
  mysql: realMariadb(),
};
const asked = process.argv.slice(2);
const kinds = (["sqlite", "redis", "postgres", "mysql"] as const).filter(
  (kind) => asked.length === 0 || asked.includes(kind),
);

for (const kind of kinds) {
  const service = services[kind];
  if (service?.skip) {
    console.log(`${kind}: skipped, ${service.skip}`);
    continue;
  }
  const url = service ? (await service.get()).url : "";
  const shared = { kind, url, path: join(folder, "state.db"), requests: 10_000, concurrency: 50 };

  const burst = { limit: 10_000, windowMs: 600_000 };
  const startedAt = performance.now();
  const once = await hammerFrom(4, { ...shared, key: "burst", rule: burst, pauseMs: 0 });
  const seconds = ((performance.now() - startedAt - 2_500) / 1_000).toFixed(1);
  console.log(
    `${kind}: at once    ${once.through.length} of 40000 got through, the limit is ${burst.limit} (${seconds} s) ${verdict(once.through.length === burst.limit)}`,
  );

  const rule = { limit: 1_000, windowMs: 1_000 };
  const { startAtMs, through } = await hammerFrom(4, { ...shared, key: "flow", rule, pauseMs: 50 });
  const lastMs = through.at(-1)?.[1] ?? startAtMs;
  const windows = Math.floor((lastMs - startAtMs) / rule.windowMs);
  const counted = through.filter(([, after]) => after <= startAtMs + windows * rule.windowMs).length;
  const most = mostInOneWindow(through, rule.windowMs);
  const share = counted / (windows * rule.limit);
  console.log(
    `${kind}: over time  ${windows} windows of ${rule.limit}: ${(share * 100).toFixed(2)} % got through, the fullest held ${most} ${verdict(share >= 0.99 && most <= rule.limit)}`,
  );
}
rmSync(folder, { recursive: true, force: true });

function verdict(holds: boolean): string {
  if (!holds) process.exitCode = 1;
  return holds ? "ok" : "FAILED";
}
