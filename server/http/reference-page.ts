import type { Endpoint } from "@simpletuner-cloud/contract/endpoint.ts";
import { accessText, allEndpoints } from "./openapi.ts";

/** The API's reference page: plain HTML without script, made from the contract. */
export function referencePage(version: string): string {
  const tags = Map.groupBy(allEndpoints(), ({ endpoint }) => endpoint.tag);
  const sections = [...tags].map(
    ([tag, endpoints]) =>
      `<section><h2 id="${slug(tag)}">${escape(tag)}</h2>${endpoints.map(({ endpoint }) => entry(endpoint)).join("")}</section>`,
  );
  const menu = [...tags.keys()].map((tag) => `<a href="#${slug(tag)}">${escape(tag)}</a>`).join(" ");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>API reference · simpletuner-cloud</title><link rel="stylesheet" href="/docs/style.css"></head>
<body><header><h1>API reference</h1><p>simpletuner-cloud ${escape(version)} · <a href="/openapi.json">openapi.json</a> · <a href="/">back to the product</a></p>
<p>Answers are JSON. Errors carry <code>error</code>, <code>message</code>, <code>details</code> and <code>correlation_id</code>. Outputs are read and written at <code>/api/cloud/storage</code> by any S3 client.</p>
<nav aria-label="Sections">${menu}</nav></header><main>${sections.join("")}</main></body></html>`;
}

/** The page's style sheet; apart from the page so that no inline style is needed. */
export const referenceStyle = `:root{color-scheme:light dark;--line:#8883;--soft:#8882}
body{font:15px/1.55 system-ui,"Noto Sans",sans-serif;margin:0 auto;max-width:64rem;padding:1.5rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-block-end:1px solid var(--line)}
details{border:1px solid var(--line);border-radius:8px;margin:.4rem 0;padding:.5rem .8rem}
summary{cursor:pointer;display:flex;gap:.8rem;flex-wrap:wrap}summary span{opacity:.75}
code,pre{font:13px/1.5 ui-monospace,monospace}pre{background:var(--soft);border-radius:6px;padding:.7rem;overflow:auto;max-height:28rem}
nav a{margin-inline-end:.9rem}.method{font-weight:700;min-width:4.2rem;display:inline-block}
`;

function entry(endpoint: Endpoint): string {
  const { answer } = endpoint;
  const parts = [
    block("Path parameters", endpoint.params),
    block("Query", endpoint.query),
    block("Body", endpoint.body),
    "stream" in answer
      ? `<p>Streams ${{ sse: "server-sent events", text: "text", zip: "a file", metrics: "metrics" }[answer.stream]}: ${escape(answer.description)}.</p>`
      : block("Answer", answer),
    endpoint.errors.length > 0
      ? `<p>Errors: ${endpoint.errors.map((code) => `<code>${code}</code>`).join(", ")}</p>`
      : "",
  ];
  return `<details id="${slug(endpoint.method + endpoint.path)}"><summary><code><b class="method">${endpoint.method}</b>${escape(endpoint.path)}</code><span>${escape(endpoint.summary)}</span></summary><p>${escape(accessText(endpoint))}</p>${parts.join("")}</details>`;
}

function block(title: string, schema: unknown): string {
  return schema ? `<h4>${title}</h4><pre>${escape(JSON.stringify(schema, null, 2))}</pre>` : "";
}

function slug(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
