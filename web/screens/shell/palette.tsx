import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Job } from "@simpletuner-cloud/contract/jobs.ts";
import { call } from "../../api.ts";
import { Icon } from "../../components/icon.tsx";
import { paletteEntries, type PaletteEntry } from "./palette-entries.ts";
import { t } from "./words.ts";

function useFoundJobs(text: string): Job[] {
  const [jobs, setJobs] = useState<Job[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    const q = text.trim();
    const timer = setTimeout(
      () => {
        call("GET /api/cloud/jobs", { query: { limit: 6, ...(q && { q }) }, signal: abort.signal }).then(
          (answer) => setJobs(answer.jobs),
          () => setJobs([]),
        );
      },
      q ? 80 : 0,
    );
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text]);
  return jobs;
}

function Entries(props: {
  id: string;
  entries: readonly PaletteEntry[];
  active: number;
  onPoint: (place: number) => void;
  onRun: (entry: PaletteEntry) => void;
}) {
  let group = "";
  return (
    <div class="palette-list" role="listbox" id={props.id} aria-label={t("palette")}>
      {props.entries.map((entry, place) => {
        const heading = entry.group === group ? null : entry.group;
        group = entry.group;
        return (
          <div key={entry.key} role="presentation">
            {heading && (
              <div class="palette-group" role="presentation">
                {heading}
              </div>
            )}
            <div
              role="option"
              id={`${props.id}-${place}`}
              aria-selected={place === props.active}
              class="palette-entry"
              onPointerMove={() => props.onPoint(place)}
              onClick={() => props.onRun(entry)}
            >
              <Icon name={entry.icon} />
              <span class="cut">{entry.text}</span>
              {entry.detail && <span class="muted small cut">{entry.detail}</span>}
            </div>
          </div>
        );
      })}
    </div>
  );
}

/** The command palette: finds pages, actions and jobs by name or id. */
export function Palette({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [active, setActive] = useState(0);
  const listId = useId();
  const entries = paletteEntries(text, useFoundJobs(text));
  const place = Math.min(active, entries.length - 1);
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    document.getElementById(`${listId}-${place}`)?.scrollIntoView({ block: "nearest" });
  }, [place]);
  const run = (entry: PaletteEntry | undefined): void => {
    if (!entry) return;
    dialog.current?.close();
    entry.run();
  };
  const onKey = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0 && entries.length > 0) setActive((place + step + entries.length) % entries.length);
    else if (event.key === "Enter") run(entries[place]);
    else return;
    event.preventDefault();
  };
  return (
    <dialog
      ref={dialog}
      class="dialog palette"
      aria-label={t("palette")}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === event.currentTarget) dialog.current?.close();
      }}
    >
      <div class="palette-input">
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls={listId}
          aria-activedescendant={entries.length > 0 ? `${listId}-${place}` : undefined}
          aria-label={t("palette_hint")}
          placeholder={t("palette_hint")}
          autoComplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setActive(0);
          }}
          onKeyDown={onKey}
        />
        <kbd>Esc</kbd>
      </div>
      <Entries id={listId} entries={entries} active={place} onPoint={setActive} onRun={run} />
      {entries.length === 0 && <p class="palette-none muted">{t("palette_none", { text })}</p>}
    </dialog>
  );
}
