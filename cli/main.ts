import { limitYoungHeap } from "./young-heap.ts";

if (process.argv[2] === "server") limitYoungHeap();

// Only now: what is loaded before would be loaded twice.
const { processIo } = await import("./io.ts");
const { runCli } = await import("./program.ts");
process.exitCode = await runCli(process.argv.slice(2), processIo());
