import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button, IconButton } from "./button.tsx";
import { Icon } from "./icon.tsx";
import { logLevels, type LogLevel, type OpenLog, type OpenSearch } from "./log-view-state.ts";
import { t } from "./log-view-words.ts";

/** Texts longer than this wait so long (ms) after the last key before the whole log is searched. */
const searchDelayMs = 250;

/** Search box with count and steps; `onQuery` gets the text once typing pauses. */
export function LogFind(props: {
  query: string;
  onQuery: (query: string) => void;
  search: OpenSearch;
  input: RefObject<HTMLInputElement | null>;
}) {
  const { search, query } = props;
  const [text, setText] = useState(query);
  const timer = useRef(0);
  useEffect(() => setText(query), [query]);
  const change = (next: string, delayMs: number): void => {
    setText(next);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => props.onQuery(next.trim()), delayMs);
  };
  const found =
    search.total === null
      ? t("searching")
      : search.total === 0
        ? t("no_hits")
        : t("hits", { at: search.at + 1, total: search.total });
  return (
    <div class="log-find" role="search">
      <Icon name="search" />
      <input
        ref={props.input}
        class="input"
        type="search"
        value={text}
        placeholder={t("find")}
        aria-label={t("find")}
        title={t("find_hint")}
        maxLength={200}
        onInput={(event) => change(event.currentTarget.value, searchDelayMs)}
        onKeyDown={(event) => {
          if (event.key === "Escape") change("", 0);
          if (event.key !== "Enter") return;
          if (text.trim() === query) search.step(event.shiftKey ? -1 : 1);
          else change(text, 0);
        }}
      />
      {query !== "" && (
        <span class="log-found">
          <span role="status" class="number">
            {found}
          </span>
          <IconButton
            icon="chevronUp"
            label={t("previous")}
            onClick={() => search.step(-1)}
            disabled={!search.total}
          />
          <IconButton
            icon="chevronDown"
            label={t("next")}
            onClick={() => search.step(1)}
            disabled={!search.total}
          />
          <IconButton icon="cross" label={t("clear")} onClick={() => change("", 0)} />
        </span>
      )}
    </div>
  );
}

/** Level, follow, wrap, times, copy and download. */
export function LogToolbar(props: {
  level: LogLevel | null;
  onLevel: (level: LogLevel | null) => void;
  stream: OpenLog["stream"];
  follow: boolean;
  onFollow: (follow: boolean) => void;
  wrap: boolean;
  onWrap: (wrap: boolean) => void;
  times: boolean;
  onTimes: (times: boolean) => void;
  copyText: string;
  onCopy: () => void;
  downloadUrl: string;
}) {
  const isLive = props.stream === "live" || props.stream === "lost";
  return (
    <div class="log-tools">
      <select
        class="input log-level"
        aria-label={t("level")}
        value={props.level ?? ""}
        onChange={(event) =>
          props.onLevel(logLevels.find((level) => level === event.currentTarget.value) ?? null)
        }
      >
        <option value="">{t("level_all")}</option>
        {logLevels.toReversed().map((level) => (
          <option key={level} value={level}>
            {t(`level_${level}`)}
          </option>
        ))}
      </select>
      {isLive && <Toggle on={props.follow} text={t("follow")} onChange={props.onFollow} />}
      <Toggle on={props.wrap} text={t("wrap")} onChange={props.onWrap} />
      <Toggle on={props.times} text={t("times")} onChange={props.onTimes} />
      <Button size="small" icon="copy" onClick={props.onCopy}>
        {props.copyText}
      </Button>
      <a class="button button-secondary button-small" href={props.downloadUrl} download="">
        <Icon name="download" />
        {t("download")}
      </a>
    </div>
  );
}

function Toggle(props: { on: boolean; text: string; onChange: (on: boolean) => void }) {
  return (
    <Button
      size="small"
      icon={props.on ? "check" : "minus"}
      aria-pressed={props.on}
      onClick={() => props.onChange(!props.on)}
    >
      {props.text}
    </Button>
  );
}
