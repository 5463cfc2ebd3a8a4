import { useEffect, useRef, useState } from "preact/hooks";
import { routeUrl } from "@simpletuner-cloud/contract/client.ts";
import { keepText, keptText } from "../browser-storage.ts";
import { formatNumber } from "../i18n.ts";
import { Button } from "./button.tsx";
import { EmptyState } from "./empty-state.tsx";
import { ErrorBox } from "./error-box.tsx";
import { Icon } from "./icon.tsx";
import { plainText } from "./log-view-ansi.ts";
import { LogBody } from "./log-view-body.tsx";
import { lineRangeText, parseLineRange } from "./log-view-scroll.ts";
import { useLog, useLogSearch, type LogLevel, type OpenLog } from "./log-view-state.ts";
import { LogFind, LogToolbar } from "./log-view-toolbar.tsx";
import { t } from "./log-view-words.ts";
import { toast } from "./toast.tsx";

/** What the log viewer shows; everything here has its place in the address. */
export interface LogViewProps {
  jobId: string;
  /** True while the job can still write. */
  live: boolean;
  /** Opens at the end, where a failed job says why. */
  fromEnd: boolean;
  level: LogLevel | null;
  query: string;
  /** Chosen lines as `123` or `120-140`, or null. */
  range: string | null;
  onChange: (change: { level?: LogLevel | null; query?: string; range?: string | null }) => void;
  hrefOf: (line: number) => string;
}

/** The log of a job: any number of lines, live, searched on the server, addressed by line. */
export function LogView(props: LogViewProps) {
  const view = useLogView(props);
  const { log, range } = view;
  const [wrap, setWrap] = useKept("log-wrap");
  const [times, setTimes] = useKept("log-times");
  const input = useRef<HTMLInputElement>(null);
  const narrowed = props.level !== null;
  const failure = log.error && <ErrorBox error={log.error} title={t("failed")} onRetry={log.retry} />;
  if (failure && !log.pages.opened) return failure;
  const isEmpty = log.pages.opened && log.pages.rows === 0;
  const params = { job_id: props.jobId };
  return (
    <section class="log panel" aria-label={t("log")}>
      <div class="log-head">
        <LogFind
          query={props.query}
          onQuery={(query) => props.onChange({ query })}
          search={view.search}
          input={input}
        />
        <LogToolbar
          level={props.level}
          onLevel={(level) => props.onChange({ level })}
          stream={log.stream}
          follow={view.follow}
          onFollow={view.setFollow}
          wrap={wrap}
          onWrap={setWrap}
          times={times}
          onTimes={setTimes}
          copyText={range ? t("copy_lines", { lines: rangeName(range) }) : t("copy_visible")}
          onCopy={() => void view.copy()}
          downloadUrl={routeUrl("GET /api/cloud/jobs/{job_id}/logs/download", { params })}
        />
      </div>
      {failure}
      {isEmpty ? (
        <LogEmpty
          log={log}
          live={props.live}
          onAll={() => props.onChange({ level: null })}
          narrowed={narrowed}
        />
      ) : (
        <div class="log-frame">
          <LogBody
            key={props.level ?? "all"}
            pages={log.pages}
            revision={log.revision}
            query={props.query}
            wrap={wrap}
            times={times}
            range={range}
            currentLine={view.search.line}
            follow={view.follow}
            onFollow={view.setFollow}
            jump={view.jump}
            hrefOf={props.hrefOf}
            onNumber={view.choose}
            onShown={view.onShown}
            onFind={() => input.current?.focus()}
          />
          {view.fresh > 0 && (
            <Button
              class="log-fresh"
              kind="primary"
              size="small"
              icon="arrowDown"
              onClick={() => view.setFollow(true)}
            >
              {t.n("new_lines", view.fresh)}
            </Button>
          )}
        </div>
      )}
      <LogFoot log={log} narrowed={narrowed} />
    </section>
  );
}

/** Where the reader is in the log: following or not, chosen lines, the search, and jumps to its hits. */
function useLogView(props: LogViewProps) {
  const log = useLog(props.jobId, props.level, props.live);
  const range = parseLineRange(props.range);
  const [follow, setFollow] = useState((props.live || props.fromEnd) && range === null && props.query === "");
  const [jump, setJump] = useState<{ row: number; at: number } | null>(null);
  const shown = useRef<[first: number, end: number]>([0, 0]);
  const rowsWhenPaused = useRef<number | null>(null);
  const setFollowing = (next: boolean): void => {
    rowsWhenPaused.current = next || !log.pages.opened ? null : log.pages.rows;
    setFollow(next);
  };
  const goTo = (line: number): void => {
    setFollowing(false);
    log.pages.rowOfLine(line).then(
      (row) => setJump((old) => ({ row, at: (old?.at ?? 0) + 1 })),
      // What failed is told by the pages themselves.
      () => undefined,
    );
  };
  const firstShown = (): number => log.pages.line(shown.current[0])?.line ?? 1;
  const search = useLogSearch(props.jobId, props.query, props.level, log, firstShown, goTo);
  useEffect(() => {
    if (range) goTo(Math.round((range.from + range.to) / 2));
  }, [log.pages]);
  const copy = async (): Promise<void> => {
    try {
      const text = range ? await log.textOf(range) : textOfRows(log, shown.current);
      await navigator.clipboard.writeText(text);
      toast({ kind: "success", text: t("copied") });
    } catch {
      toast({ kind: "warning", text: t("copy_failed") });
    }
  };
  return {
    log,
    range,
    search,
    follow,
    setFollow: setFollowing,
    jump,
    copy,
    fresh: follow || rowsWhenPaused.current === null ? 0 : log.pages.rows - rowsWhenPaused.current,
    onShown: (first: number, end: number): void => {
      shown.current = [first, end];
    },
    choose: (line: number, extend: boolean): void => {
      const from = extend && range ? range.from : line;
      props.onChange({ range: lineRangeText({ from: Math.min(from, line), to: Math.max(from, line) }) });
    },
  };
}

function LogFoot({ log, narrowed }: { log: OpenLog; narrowed: boolean }) {
  const { rows } = log.pages;
  return (
    <footer class="log-foot">
      <span class="number">
        {narrowed
          ? t("shown", { rows: formatNumber(rows), total: formatNumber(log.total) })
          : t.n("lines", rows)}
      </span>
      {log.stream === "live" && (
        <span class="log-live">
          <Icon name="dot" />
          {t("live")}
        </span>
      )}
      {log.stream === "lost" && (
        <span class="log-lost">
          <Icon name="warning" />
          {t("live_lost")}
        </span>
      )}
      {log.stream === "done" && <span>{t("ended")}</span>}
      <span id="log-keys" class="log-keys">
        {t("keys")}
      </span>
    </footer>
  );
}

function LogEmpty(props: { log: OpenLog; live: boolean; narrowed: boolean; onAll: () => void }) {
  if (props.narrowed && props.log.total > 0) {
    return (
      <EmptyState
        icon="filter"
        title={t("empty_level", { total: formatNumber(props.log.total) })}
        action={<Button onClick={props.onAll}>{t("show_all")}</Button>}
      />
    );
  }
  return (
    <EmptyState icon="log" title={t("empty_title")} text={t(props.live ? "empty_waiting" : "empty_ended")} />
  );
}

function rangeName(range: { from: number; to: number }): string {
  return range.from === range.to ? t("line", { line: range.from }) : t.n("lines", range.to - range.from + 1);
}

function textOfRows(log: OpenLog, [first, end]: readonly [number, number]): string {
  const lines = Array.from({ length: Math.min(end, log.pages.rows) - first }, (_, index) =>
    log.pages.line(first + index),
  );
  return lines.map((line) => (line ? plainText(line.text) : "")).join("\n");
}

function useKept(name: string): [boolean, (value: boolean) => void] {
  const [value, setValue] = useState(keptText(name) === "true");
  return [
    value,
    (next) => {
      keepText(name, String(next));
      setValue(next);
    },
  ];
}
