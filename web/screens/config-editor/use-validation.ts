import type { ConfigProblem } from "@simpletuner-cloud/contract/configs.ts";
import { call, useLoad } from "../../api.ts";
import { useSettled } from "../submit/use-plan.ts";
import type { ConfigValue } from "./config-value.ts";

/** What the server finds wrong with a configuration; `known` is false until it has looked at this one. */
export interface Validation {
  known: boolean;
  valid: boolean;
  problems: readonly ConfigProblem[];
}

/** Has the server check an inline configuration, or a saved one by name, while it is edited. */
export function useValidation(subject: ConfigValue | string | null): Validation {
  const wanted = JSON.stringify(subject);
  const key = useSettled(wanted, 350);
  const { data, loading } = useLoad(
    async (signal) => {
      const checked = JSON.parse(key) as ConfigValue | string | null;
      if (checked === null) return null;
      if (typeof checked === "string") {
        return call("POST /api/configs/{name}/validate", { params: { name: checked }, signal });
      }
      const body = { config: checked.config, dataloader_config: checked.datasets };
      return call("POST /api/configs/validate", { body, signal });
    },
    [key],
    { keepPrevious: true },
  );
  return {
    known: data !== null && key === wanted && !loading,
    valid: data?.valid ?? false,
    problems: data?.problems ?? [],
  };
}
