import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import { eventGroups } from "./event-groups.ts";

let id = 0;
function event(type: string, data: Record<string, unknown> = {}): JobEvent {
  id += 1;
  return { id, job_id: "j", type, at: "2026-01-01T00:00:00.000Z", data };
}

test("only neighbours of one type and one step are joined", () => {
  const groups = eventGroups([
    event("job.created"),
    event("job.status"),
    event("job.status"),
    event("job.sample", { step: 50, key: "a" }),
    event("job.sample", { step: 50, key: "b" }),
    event("job.checkpoint", { step: 50 }),
    event("job.sample", { step: 50, key: "c" }),
    event("job.sample", { step: 100, key: "d" }),
  ]);
  assert.deepEqual(
    groups.map((group) => [group.event.type, group.count]),
    [
      ["job.created", 1],
      ["job.status", 1],
      ["job.status", 1],
      ["job.sample", 2],
      ["job.checkpoint", 1],
      ["job.sample", 1],
      ["job.sample", 1],
    ],
  );
  assert.deepEqual(
    groups[3]?.events.map((one) => one.data["key"]),
    ["a", "b"],
  );
  assert.deepEqual(eventGroups([]), []);
});
