import { startS3TestServer } from "./s3-test-server.ts";

// Started by the crash tests, which kill it: serves the folder of its first argument, says its port, and follows
// its standard input so that it never outlives the test.
const server = await startS3TestServer({ root: process.argv[2] ?? "", durability: "full" });
process.stdout.write(`${server.port}\n`);
process.stdin.resume().on("end", () => process.exit(0));
