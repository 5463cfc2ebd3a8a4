import type { Heap, Layer, ParameterMaker } from "./tensor.ts";

/** Rows of the word table; every word hashes to two of them, so that two words rarely share both. */
const tableRows = 256;
const maxWords = 64;

/** A caption's layer: `setRows` chooses the caption of the next forward pass. */
export interface WordBag extends Layer {
  setRows(rows: readonly number[]): void;
}

/** Sum of the caption's word vectors, scaled by 1 / sqrt(count) and learnt with the model; none gives zeros. */
export function wordBag(
  heap: Heap,
  parameters: ParameterMaker,
  options: { name: string; outputs: number },
): WordBag {
  const { name, outputs } = options;
  const table = parameters.make(`${name}.weight`, [tableRows, outputs], 0.5);
  const output = heap.feature(outputs, 1, 1);
  let rows: readonly number[] = [];
  let scale = 1;
  return {
    output,
    setRows: (chosen) => {
      rows = chosen;
      scale = 1 / Math.sqrt(Math.max(1, chosen.length));
    },
    forward: () => {
      const sum = output.value.data.fill(0);
      for (const row of rows) {
        for (let i = 0, at = row * outputs; i < outputs; i++, at++) {
          sum[i] = (sum[i] as number) + (table.value.data[at] as number) * scale;
        }
      }
    },
    backward: () => {
      const [upstream, gradient] = [output.gradient.data, table.gradient.data];
      for (const row of rows) {
        for (let i = 0, at = row * outputs; i < outputs; i++, at++) {
          gradient[at] = (gradient[at] as number) + (upstream[i] as number) * scale;
        }
      }
    },
  };
}

/** Table rows of `caption`: two per word, case ignored; only the first 64 words count. */
export function captionRows(caption: string): number[] {
  const words = caption.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return words.slice(0, maxWords).flatMap((word) => [tableRow(word, 0x811c9dc5), tableRow(word, 0x1b873593)]);
}

/** FNV-1a with a chosen start, folded to the table's size. */
function tableRow(word: string, start: number): number {
  let hash = start;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return ((hash ^ (hash >>> 15)) >>> 0) % tableRows;
}
