import { fail } from "@simpletuner-cloud/contract/errors.ts";

/** Anything JSON can hold. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

/** A JSON object, such as one dataset of a dataloader configuration. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** One entry of a dataloader configuration (SimpleTuner's `multidatabackend.json`): an id and whatever else it holds. */
export interface DatasetEntry {
  readonly id: string;
  readonly fields: JsonObject;
}

/** A dataset whose files lie on this machine, so that a remote job needs them packaged. */
export interface LocalDataset {
  readonly id: string;
  /** As the configuration has it: absolute, relative or starting with `~/`. */
  readonly instanceDataDir: string;
}

/**
 * Checks a dataloader configuration that came from outside: a list of objects, each with an `id` of its own that is
 * a name. Throws `config_invalid` naming the field.
 */
export function parseDataloader(value: unknown): DatasetEntry[] {
  if (!Array.isArray(value)) throw invalid("dataloader_config", "must be a list of datasets");
  const seen = new Map<string, number>();
  return value.map((item: unknown, index) => {
    const field = `dataloader_config[${index}]`;
    if (!isJsonObject(item)) throw invalid(field, "must be an object");
    const id = item["id"];
    if (typeof id !== "string" || id.trim() === "") throw invalid(`${field}.id`, "must be a name");
    const problem = problemOfId(id);
    if (problem !== undefined) throw invalid(`${field}.id`, problem);
    const before = seen.get(id);
    if (before !== undefined)
      throw invalid(`${field}.id`, `"${id}" is already the id of dataset ${before}, ids must differ`);
    seen.set(id, index);
    if (isLocal(item)) checkFolderField(item, field);
    return { id, fields: item };
  });
}

/** The datasets that are packaged: local by type, with a folder, not disabled. Order as in the configuration. */
export function localDatasets(entries: readonly DatasetEntry[]): LocalDataset[] {
  return entries.flatMap(({ id, fields }) => {
    const folder = fields["instance_data_dir"];
    if (!isLocal(fields) || isDisabled(fields) || typeof folder !== "string") return [];
    return [{ id, instanceDataDir: folder }];
  });
}

/** True for a dataset on the trainer's own disk; SimpleTuner takes a missing type as local. */
export function isLocal(fields: JsonObject): boolean {
  const type = fields["type"];
  return type === undefined || type === null || type === "local";
}

/** True for a value that is a JSON object rather than a list or a scalar. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True for a text that names a place on one machine: absolute (POSIX, Windows, UNC, `file:`) or in a home folder. */
export function isHostPath(text: string): boolean {
  return /^\s*(?:[/\\~]|[a-z]:[/\\]|file:)/i.test(text);
}

function isDisabled(fields: JsonObject): boolean {
  return fields["disabled"] === true || fields["disable"] === true;
}

function problemOfId(id: string): string | undefined {
  if (isHostPath(id)) return "must be a name, not a path";
  if (/\p{Cc}/u.test(id)) return "must not hold control characters";
  if (id.length > 200) return "must be at most 200 characters long";
  return undefined;
}

function checkFolderField(item: JsonObject, field: string): void {
  const folder = item["instance_data_dir"];
  if (folder === undefined || folder === null) return;
  if (typeof folder !== "string" || folder.trim() === "")
    throw invalid(`${field}.instance_data_dir`, "must be the path of a folder");
  if (folder.includes("\0")) throw invalid(`${field}.instance_data_dir`, "must not hold a NUL character");
}

function invalid(field: string, problem: string): Error {
  return fail("config_invalid", { field, problem });
}
