import { limitYoungHeap } from "../young-heap.ts";

process.env["FIRST_PID"] ??= String(process.pid);
limitYoungHeap();
const isSameProcess = process.env["FIRST_PID"] === String(process.pid);
console.log(JSON.stringify({ flags: process.execArgv, args: process.argv.slice(2), isSameProcess }));
