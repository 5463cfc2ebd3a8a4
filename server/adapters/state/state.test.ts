import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { realMariadb, realPostgres, realRedis, type ServiceUnderTest } from "../../testing/real-services.ts";
import { stateConformance } from "./conformance.ts";
import { memoryState } from "./memory/memory-state.ts";
import { openState } from "./registry.ts";

const folder = mkdtempSync(join(tmpdir(), "simpletuner-state-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const options = {
  path: join(folder, "state.db"),
  keyPrefix: "st:",
  poolSize: 5,
  timeoutMs: 20_000,
  tls: false,
  caBundle: null,
  now: Date.now,
  onError: () => undefined,
};

stateConformance("memory", async () => memoryState(), { isShared: false, sharesMessages: false });
stateConformance("SQLite", () => openState({ ...options, kind: "sqlite", url: "" }), {
  isShared: true,
  sharesMessages: false,
});

const servers: [kind: "redis" | "postgres" | "mysql", service: ServiceUnderTest][] = [
  ["redis", realRedis()],
  ["postgres", realPostgres()],
  ["mysql", realMariadb()],
];
for (const [kind, service] of servers)
  stateConformance(kind, async () => openState({ ...options, kind, url: (await service.get()).url }), {
    skip: service.skip,
    isShared: true,
    sharesMessages: true,
  });
