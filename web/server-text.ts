import { signal } from "@preact/signals";
import type * as hindiSentences from "./hindi-sentences.ts";
import { language } from "./i18n.ts";

type Sentences = typeof hindiSentences;

/** Loaded for who reads Hindi alone: it holds every sentence of the server twice. */
const sentences = signal<Sentences | null>(null);
let loading: Promise<void> | null = null;

function known(): Sentences | null {
  if (language.value !== "hi") return null;
  loading ??= import("./hindi-sentences.ts").then(
    (loaded) => void (sentences.value = loaded),
    // Until it can be loaded the server's own words are better than none.
    () => void (loading = null),
  );
  return sentences.value;
}

/**
 * A sentence that the server wrote down, such as why a job or a delivery failed, in the current language where it is known
 * in it. What a stranger said, as a trainer or a storage service, stays as it was said, in quotation marks.
 */
export function serverText(text: string, code: string | null = null): string {
  return known()?.hindiSentence(text, code) ?? text;
}

/** The same for one detail of an error, by its name; ids, paths and names stay as they are. */
export function serverPhrase(name: string, text: string): string {
  return known()?.hindiDetail(name, text) ?? text;
}
