import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { CopyButton } from "./copy-button.tsx";
import { Button } from "./button.tsx";
import { saveAs } from "./json-view-save.ts";
import { filteredTree, jsonTree, leafCount, type JsonNode } from "./json-view-tree.ts";
import { t } from "./json-view-words.ts";

/** A JSON value to read: a tree that can be searched, or its text; to copy, and to download as `fileName`. */
export function JsonView(props: {
  title: string;
  value: unknown;
  fileName: string;
  extra?: ComponentChildren;
}) {
  const [query, setQuery] = useState("");
  const [asText, setAsText] = useState(false);
  const text = useMemo(() => JSON.stringify(props.value, null, 2), [props.value]);
  const tree = useMemo(() => jsonTree(props.value), [props.value]);
  const found = useMemo(() => filteredTree(tree, query), [tree, query]);
  const total = leafCount(tree);
  return (
    <section class="json panel" aria-label={props.title}>
      <header class="panel-head">
        <h2>
          {props.title}{" "}
          <span class="muted small number">
            {query.trim() === ""
              ? t.n("values", total)
              : t("found", { found: found ? leafCount(found) : 0, total })}
          </span>
        </h2>
        <div class="row">
          <div class="segments" role="group" aria-label={t("view")}>
            <button type="button" aria-pressed={!asText} onClick={() => setAsText(false)}>
              {t("tree")}
            </button>
            <button type="button" aria-pressed={asText} onClick={() => setAsText(true)}>
              {t("text")}
            </button>
          </div>
          <CopyButton text={text} label={t("copy")} />
          <Button
            size="small"
            icon="download"
            onClick={() => saveAs(props.fileName, "application/json", text)}
          >
            {t("download")}
          </Button>
          {props.extra}
        </div>
      </header>
      {!asText && (
        <div class="json-find">
          <input
            class="input"
            type="search"
            value={query}
            placeholder={t("find")}
            aria-label={t("find")}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        </div>
      )}
      {asText ? (
        <pre class="json-text" dir="ltr" tabIndex={0} aria-label={props.title}>
          {text}
        </pre>
      ) : found ? (
        <div class="json-tree" dir="ltr">
          <Children node={found} open={query.trim() !== ""} />
        </div>
      ) : (
        <p class="json-none muted">{t("none", { query: query.trim() })}</p>
      )}
    </section>
  );
}

/** Levels that are open from the start. */
const openDepth = 3;

function Children({ node, open, depth = 0 }: { node: JsonNode; open: boolean; depth?: number }) {
  return (
    <ul>
      {node.children.map((child) => (
        <li key={child.path}>
          <Entry node={child} open={open} depth={depth} />
        </li>
      ))}
    </ul>
  );
}

function Entry({ node, open, depth }: { node: JsonNode; open: boolean; depth: number }) {
  if (node.text !== null || node.children.length === 0) {
    const text = node.text ?? t(node.type === "list" ? "empty_list" : "empty_object");
    return (
      <span class="json-leaf">
        <span class="json-key">{node.key}</span>
        <span class={`json-value json-${node.text === null ? "null" : node.type}`}>{text}</span>
      </span>
    );
  }
  return (
    <details open={open || depth < openDepth}>
      <summary>
        <span class="json-key">{node.key}</span>
        <span class="muted small">{t.n("items", node.children.length)}</span>
      </summary>
      <Children node={node} open={open} depth={depth + 1} />
    </details>
  );
}
