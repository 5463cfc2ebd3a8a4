import { useEffect, useState } from "preact/hooks";
import type { SavedConfig } from "@simpletuner-cloud/contract/configs.ts";
import { ApiError, asError, call } from "../../api.ts";
import { keepTabValue, tabValue } from "../../browser-storage.ts";
import { freshConfig, type ConfigValue } from "../config-editor/config-value.ts";

interface Draft {
  value: ConfigValue;
  /** The saved state the draft began from; null for a new configuration. */
  base: { value: ConfigValue; version: string } | null;
}

/** A configuration being edited: the draft survives leaving the page until it is saved or discarded. */
export interface ConfigDraft {
  draft: Draft | null;
  error: Error | null;
  dirty: boolean;
  busy: boolean;
  /** The state someone else saved meanwhile; saving waits for a decision. */
  theirs: SavedConfig | null;
  change: (value: ConfigValue) => void;
  discard: () => void;
  takeTheirs: () => void;
  /** Saves under `name`; `over` saves even though someone else changed it. Answers whether it was saved. */
  save: (name: string, over?: boolean) => Promise<boolean>;
}

function valueOf(saved: SavedConfig): ConfigValue {
  return { config: saved.config, datasets: saved.dataloader_config ?? [] };
}

function isDirty({ value, base }: Draft): boolean {
  return !base || JSON.stringify(value) !== JSON.stringify(base.value);
}

type SaveOutcome = { saved: SavedConfig } | { theirs: SavedConfig } | { error: Error };

/** Saves a draft; one that began from an older state than the saved one is answered with that state. */
async function saveDraft(name: string, draft: Draft, over: boolean): Promise<SaveOutcome> {
  const { config, datasets } = draft.value;
  const version = draft.base && !over ? { if_version: draft.base.version } : {};
  const params = { name };
  try {
    const body = { config, dataloader_config: datasets, ...version };
    return { saved: await call("PUT /api/configs/{name}", { params, body }) };
  } catch (thrown) {
    const conflict = thrown instanceof ApiError && thrown.code === "config_exists_changed";
    if (!conflict) return { error: asError(thrown) };
    return call("GET /api/configs/{name}", { params }).then(
      (theirs) => ({ theirs }),
      () => ({ error: thrown }),
    );
  }
}

/** Edits the configuration `name`, or a new one when null. */
export function useConfigDraft(name: string | null): ConfigDraft {
  const keptAs = `draft:config:${name ?? ""}`;
  const [draft, setDraft] = useState<Draft | null>(() => tabValue<Draft>(keptAs));
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const [theirs, setTheirs] = useState<SavedConfig | null>(null);

  const hold = (next: Draft): void => {
    keepTabValue(keptAs, isDirty(next) ? next : null);
    setDraft(next);
  };
  const take = (saved: SavedConfig): void => {
    const value = valueOf(saved);
    setTheirs(null);
    hold({ value, base: { value, version: saved.version } });
  };
  const load = (): void => {
    setError(null);
    if (name === null) {
      setDraft({ value: freshConfig(), base: null });
      return;
    }
    call("GET /api/configs/{name}", { params: { name } }).then(take, (thrown: unknown) =>
      setError(asError(thrown)),
    );
  };
  useEffect(() => {
    if (!tabValue<Draft>(keptAs)) load();
  }, [keptAs]);

  const save = async (as: string, over = false): Promise<boolean> => {
    if (!draft) return false;
    setBusy(true);
    setError(null);
    const outcome = await saveDraft(as, draft, over);
    setBusy(false);
    if ("saved" in outcome) {
      take(outcome.saved);
      return true;
    }
    if ("theirs" in outcome) setTheirs(outcome.theirs);
    else setError(outcome.error);
    return false;
  };
  return {
    draft,
    error,
    busy,
    theirs,
    dirty: draft !== null && isDirty(draft),
    change: (value) => draft && hold({ ...draft, value }),
    discard: () => {
      keepTabValue(keptAs, null);
      setTheirs(null);
      if (draft?.base) setDraft({ ...draft, value: draft.base.value });
      else load();
    },
    takeTheirs: () => theirs && take(theirs),
    save,
  };
}
