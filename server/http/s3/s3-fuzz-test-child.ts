import { fuzzDomain } from "./s3-fuzz-requests.ts";
import { jobCredential, startS3TestServer } from "./s3-test-server.ts";

// Started by the fuzzer: serves the folder of its first argument, says its port, tells each failure of the endpoint
// in a line, and follows its standard input so that it never outlives the fuzzer.
const server = await startS3TestServer({
  root: process.argv[2] ?? "",
  durability: "fast",
  baseDomain: fuzzDomain,
});
server.credentials.set("job2-key", jobCredential("job2"));
server.credentials.set("owner-key", {
  secretAccessKey: "owner-secret",
  scope: { bucket: "own-bucket", prefix: "" },
  access: "readwrite",
  jobId: null,
});
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
say({ port: server.port });
server.failures.push = (...failures: unknown[]): number => {
  for (const failure of failures) {
    const { err } = failure as { err?: unknown };
    say({ failure: err instanceof Error ? err.stack : String(err) });
  }
  return 0;
};
process.stdin.resume().on("end", () => process.exit(0));
