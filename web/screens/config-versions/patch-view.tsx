import { call, useLoad } from "../../api.ts";
import { ErrorBox } from "../../components/error-box.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { t } from "./words.ts";

const kinds: readonly [start: string, className: string][] = [
  ["diff ", "patch-file"],
  ["+++", "patch-meta"],
  ["---", "patch-meta"],
  ["index ", "patch-meta"],
  ["@@", "patch-place"],
  ["+", "patch-added"],
  ["-", "patch-removed"],
];

function classOf(line: string): string | undefined {
  return kinds.find(([start]) => line.startsWith(start))?.[1];
}

/** What a commit changed, or with `commit` null what is not committed; signs and words carry it, colour only helps. */
export function PatchView({ commit, name }: { commit: string | null; name: string | null }) {
  const query = { ...(commit !== null && { commit }), ...(name !== null && { name }) };
  const { data, error, reload } = useLoad(
    (signal) => call("GET /api/git/diff", { query, signal }),
    [commit, name],
  );
  if (error) return <ErrorBox error={error} onRetry={reload} />;
  if (!data) return <Skeleton lines={4} />;
  if (data.patch === "") return <p class="muted small">{t("empty_patch")}</p>;
  return (
    <>
      <pre class="patch" dir="ltr" tabIndex={0}>
        {data.patch.split("\n").map((line, index) => (
          <span key={index} class={classOf(line)}>
            {line}
            {"\n"}
          </span>
        ))}
      </pre>
      {data.truncated && <p class="muted small">{t("truncated")}</p>}
    </>
  );
}
