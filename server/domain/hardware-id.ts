/**
 * The id of a hardware profile for any of the names it goes by (CONTRACT 1.3.3): `H100_X2`, `2xh100`, `2x-h100`,
 * `gpu-l40s`, `simpletuner/advanced-trainer-l40s`. A name of another form stays as it is.
 */
export function hardwareId(text: string): string {
  const name = text
    .trim()
    .toLowerCase()
    .replaceAll("_", "-")
    .replace(/^(simpletuner\/)?advanced-trainer-/, "")
    .replace(/^gpu-/, "");
  const [, first, kind, last] = /^(?:(\d+)x-?)?([a-z]+\d+[a-z]*)(?:-x(\d+))?$/.exec(name) ?? [];
  if (kind === undefined || (first !== undefined && last !== undefined)) return text.trim();
  const count = Number(first ?? last ?? 1);
  return count === 1 ? kind : `${kind}-x${count}`;
}
