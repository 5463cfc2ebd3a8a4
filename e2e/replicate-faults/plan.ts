import type { Fate } from "../replicate-emulator/world.ts";

/** What is to become of a job. */
export type Course = "completes" | "fails" | "cancelled there" | "cancelled here" | "cancelled early";

/** A job of the fault run. */
export interface PlannedJob {
  name: string;
  course: Course;
  /** One of the provider's; each has its own price. */
  hardware: string;
  steps: number;
  fate: Fate;
  /** When its user cancels it, after its submission. */
  cancelAfterMs: number | null;
}

const hardware = ["h100", "h100-x2", "h100-x4", "h100-x8", "l40s", "l40s-x2", "l40s-x4", "l40s-x8"];

/** Shares of the courses; the rest completes. */
const shares: readonly (readonly [Course, number])[] = [
  ["fails", 0.1],
  ["cancelled there", 0.05],
  ["cancelled here", 0.1],
  ["cancelled early", 0.05],
];

/** Jobs that follow from the random numbers; every course is there from some twenty jobs on. */
export function plannedJobs(count: number, random: () => number): PlannedJob[] {
  return Array.from({ length: count }, (_, index) => {
    const course = courseAt((index * 0.37) % 1);
    const trainMs = 1_000 + Math.floor(random() * 4_000);
    const fate: Fate = { startMs: 100 + Math.floor(random() * 900), trainMs };
    if (course === "fails") fate.failure = "CUDA out of memory";
    // Some of them before they have started.
    if (course === "cancelled there") fate.canceledAfterMs = Math.floor(random() * trainMs);
    const patienceMs = { "cancelled here": 30_000, "cancelled early": 1_500 }[course as string];
    return {
      name: `fault ${String(index + 1).padStart(4, "0")}`,
      course,
      hardware: hardware[index % hardware.length] ?? "h100",
      steps: 4 + (index % 7),
      fate,
      cancelAfterMs: patienceMs === undefined ? null : random() * patienceMs,
    };
  });
}

function courseAt(place: number): Course {
  let passed = 0;
  for (const [course, share] of shares) {
    passed += share;
    if (place < passed) return course;
  }
  return "completes";
}
