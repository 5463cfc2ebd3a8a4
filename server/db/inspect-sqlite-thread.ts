import { parentPort, workerData } from "node:worker_threads";
import { inspectSqlite } from "./sqlite-copy.ts";

parentPort?.postMessage(inspectSqlite(String(workerData)));
