import { t } from "./words.ts";

/** Grey lines of the content's size, visible only once loading takes 200 ms. */
export function Skeleton({ lines = 3, height }: { lines?: number; height?: string }) {
  return (
    <div class="skeleton" role="status" aria-label={t("loading")}>
      {Array.from({ length: lines }, (_, place) => (
        <div key={place} class="skeleton-line" style={height ? { height } : {}} />
      ))}
    </div>
  );
}
