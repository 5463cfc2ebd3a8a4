import type { ZipMethod } from "./zip-format.ts";

/** Extensions of text, which deflate shrinks; everything else in a dataset is compressed media and is stored. */
const textExtensions = new Set(
  "caption captions cfg conf css csv htm html ini js json json5 jsonl log md ndjson py rst rtf srt svg tags tex toml tsv txt vtt xml yaml yml".split(
    " ",
  ),
);

/** How a file of this name is kept in an archive. */
export function compressionOf(name: string): ZipMethod {
  const extension = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return textExtensions.has(extension) ? "deflate" : "store";
}
