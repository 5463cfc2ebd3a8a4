import { parentPort, workerData } from "node:worker_threads";
import { Failure } from "@simpletuner-cloud/contract/errors.ts";
import type { ThreadAnswer, ThreadQuestion } from "./care/sqlite-aside.ts";
import { inspectSqlite } from "./sqlite-copy.ts";

/** Only what is asked for is loaded: most of the time a thread takes may be that. */
async function done(question: ThreadQuestion): Promise<unknown> {
  if (question.task === "inspect") return inspectSqlite(question.path);
  const { copyServer, threadTasks } = await import("./care/thread-tasks.ts");
  return question.task === "copy"
    ? copyServer(question.from, question.path)
    : threadTasks[question.task](question.path);
}

async function answer(question: ThreadQuestion): Promise<ThreadAnswer> {
  try {
    return { answer: await done(question) };
  } catch (error) {
    if (error instanceof Failure) return { failure: { code: error.code, details: error.details } };
    return { error: (error as Error).message };
  }
}

parentPort?.postMessage(await answer(workerData as ThreadQuestion));
