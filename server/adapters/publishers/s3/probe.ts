import { randomBytes } from "node:crypto";
import type { TestStep } from "@simpletuner-cloud/contract/destinations.ts";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { BucketCalls } from "./bucket-calls.ts";

const content = "simpletuner-cloud tries whether it can deliver here. This file may be deleted.\n";

/**
 * Writes, reads, lists and deletes a small object, and says of each whether it worked. After a write that failed the
 * rest is skipped: it would fail for the same reason.
 */
export async function probeBucket(
  calls: BucketCalls,
  stem: string,
  signal: AbortSignal,
): Promise<TestStep[]> {
  const key = `${stem}-${randomBytes(6).toString("hex")}`;
  const written = await tried("write", () => calls.put(key, Buffer.from(content), "probe", signal));
  if (written.state === "bad")
    return [
      written,
      ...["read", "list", "delete"].map((step) => ({ step, state: "skipped" as const, message: null })),
    ];
  const read = await tried("read", async () => {
    if ((await calls.readText(key, signal)) !== content)
      throw new Error(
        "The file came back with other bytes than were written; something on the way changes them.",
      );
  });
  const listed = await tried("list", () => calls.list(key, signal));
  const deleted = await tried("delete", () => calls.remove(key, signal));
  if (deleted.state === "bad" && deleted.message !== null)
    deleted.message += ` The file ${key} stays until you delete it.`;
  return [written, read, listed, deleted];
}

async function tried(step: string, act: () => Promise<void>): Promise<TestStep> {
  try {
    await act();
    return { step, state: "good", message: null };
  } catch (error) {
    const message = error instanceof Failure || error instanceof Error ? error.message : String(error);
    return { step, state: "bad", message };
  }
}
