import { useEffect, useRef, useState } from "preact/hooks";
import type { DatasetPlan, PlanRequest } from "@simpletuner-cloud/contract/data-consent.ts";
import { call, useLoad, type Loaded } from "../../api.ts";
import { planChanges, type PlanChange } from "./plan-changes.ts";

/** The plan of a submit, and how it differs from the one the user saw before, if it was loaded again. */
export interface PlanState extends Loaded<DatasetPlan> {
  changes: readonly PlanChange[];
  /** False while the plan on screen belongs to an older request. */
  current: boolean;
}

/** The value as it was once it stayed the same for `waitMs`. */
export function useSettled<T>(value: T, waitMs: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), waitMs);
    return () => clearTimeout(timer);
  }, [value, waitMs]);
  return settled;
}

/** Plans what `request` would send; null (nothing chosen yet) plans nothing. Typing is waited for. */
export function usePlan(request: PlanRequest | null): PlanState {
  const wanted = JSON.stringify(request);
  const key = useSettled(wanted, 350);
  const seen = useRef<{ key: string; plan: DatasetPlan } | null>(null);
  const [changes, setChanges] = useState<readonly PlanChange[]>([]);
  const loaded = useLoad<DatasetPlan | null>(
    async (signal) => {
      const body = JSON.parse(key) as PlanRequest | null;
      if (!body) return null;
      const plan = await call("POST /api/cloud/data-consent/preview", { body, signal });
      const before = seen.current?.key === key ? seen.current.plan : null;
      if (before && before.fingerprint !== plan.fingerprint) setChanges(planChanges(before, plan));
      else if (!before) setChanges([]);
      seen.current = { key, plan };
      return plan;
    },
    [key],
    { keepPrevious: true },
  );
  const stale = loaded.error !== null || request === null;
  return { ...loaded, data: stale ? null : loaded.data, changes, current: key === wanted && !loaded.loading };
}
