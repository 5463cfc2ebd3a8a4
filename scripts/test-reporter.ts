import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

/** What one run of `node --test` counted; scripts/test.ts adds the runs up. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly { readonly name: string; readonly file: string; readonly reason: string }[];
  readonly failures: readonly { readonly name: string; readonly file: string }[];
}

interface FileResult {
  tests: number;
  failed: number;
  ms: number;
}

/** A test this slow gets a line of its own. */
const slowMs = 5000;

/**
 * A reporter for `node --test`: a line per file, and each failure in full when it happens. The counts go as JSON
 * ({@link Tally}) to the file that TEST_TALLY_FILE names.
 */
async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string, void, undefined> {
  const files = new Map<string, FileResult>();
  const failures: Tally["failures"][number][] = [];
  const skipped: Tally["skipped"][number][] = [];
  const totals = { passed: 0, failed: 0 };
  let open: string | undefined;
  for await (const { type, data } of events) {
    if (type === "test:summary" && data.file === undefined) {
      totals.passed = data.counts.passed;
      totals.failed = data.counts.tests - data.counts.passed - data.counts.skipped - data.counts.todo;
    }
    if (type !== "test:pass" && type !== "test:fail") continue;
    const file = data.file === undefined ? data.name : relative(process.cwd(), data.file);
    if (open !== undefined && open !== file) yield fileLine(open, files);
    open = file;
    const result = files.get(file) ?? { tests: 0, failed: 0, ms: 0 };
    files.set(file, result);
    if (data.details.type !== "suite") result.tests++;
    if (data.nesting === 0) result.ms += data.details.duration_ms;
    if (data.skip !== undefined) skipped.push({ name: data.name, file, reason: reasonOf(data.skip) });
    if (type === "test:fail") {
      result.failed++;
      failures.push({ name: data.name, file });
      yield `\nFAILED  ${data.name}  (${file}:${data.line})\n${errorText(data.details.error)}\n\n`;
    }
    if (data.details.duration_ms > slowMs && data.nesting === 0) {
      yield `        ${(data.details.duration_ms / 1000).toFixed(1)} s  ${data.name}\n`;
    }
  }
  if (open !== undefined) yield fileLine(open, files);
  const tallyFile = process.env["TEST_TALLY_FILE"];
  if (tallyFile) writeFileSync(tallyFile, JSON.stringify({ ...totals, skipped, failures } satisfies Tally));
}

function fileLine(file: string, files: Map<string, FileResult>): string {
  const { tests, failed, ms } = files.get(file) ?? { tests: 0, failed: 0, ms: 0 };
  const mark = failed === 0 ? "ok    " : "FAILED";
  return `${mark}  ${file}  ${tests} ${tests === 1 ? "test" : "tests"}, ${(ms / 1000).toFixed(1)} s\n`;
}

function reasonOf(skip: string | boolean): string {
  return typeof skip === "string" ? skip : "no reason given";
}

function errorText(error: Error): string {
  const cause: unknown = error.cause ?? error;
  return cause instanceof Error ? (cause.stack ?? inspect(cause)) : inspect(cause);
}

// node --test takes a reporter as the default export of its module.
// oxlint-disable-next-line import/no-default-export
export default report;
