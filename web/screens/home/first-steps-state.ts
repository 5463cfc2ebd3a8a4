/** What the first steps are worked out from; null where the user may not see it. */
export interface SetupState {
  /** Providers beside this machine that are set up. */
  rented: number | null;
  /** Saved configurations beside the sample's. */
  ownConfigs: number;
  destinations: number | null;
  /** Whether any limit on spending is set. */
  limited: boolean | null;
  /** Jobs that run or wait, and that are completed. */
  active: number;
  completed: number;
}

/** One of the first steps. */
export interface Step {
  key: "job" | "images" | "rent" | "results" | "limit";
  done: boolean;
  /** The work goes on without it. */
  optional: boolean;
  /** Under way. */
  active: boolean;
}

/** The first steps as far as they have been done, in their order; what the user may not do is left out. */
export function stepsOf(state: SetupState): Step[] {
  const steps: (Step | null)[] = [
    { key: "job", done: state.completed > 0, optional: false, active: state.active > 0 },
    { key: "images", done: state.ownConfigs > 0, optional: false, active: false },
    state.rented === null ? null : { key: "rent", done: state.rented > 0, optional: true, active: false },
    state.destinations === null
      ? null
      : { key: "results", done: state.destinations > 0, optional: true, active: false },
    // Without a place that costs money there is nothing to limit.
    state.limited === null || !state.rented
      ? null
      : { key: "limit", done: state.limited, optional: true, active: false },
  ];
  return steps.filter((step) => step !== null);
}

/** True when everything that is needed for work of one's own has been done once. */
export function isSetUp(steps: readonly Step[]): boolean {
  return steps.every(({ done, optional }) => done || optional);
}
