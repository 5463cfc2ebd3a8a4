import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type FuzzAnswer, FuzzConnection } from "./s3-fuzz-connection.ts";
import { type FuzzEndpoint, secretMarker, startFuzzEndpoint } from "./s3-fuzz-endpoint.ts";
import { type FuzzRequest, makeRequest } from "./s3-fuzz-requests.ts";
import { amzDate, type HttpHead, signHeader } from "./s3-fuzz-signing.ts";

/**
 * Sends mutated requests to the storage endpoint in a process of its own and looks for answers that must not be.
 * Usage: `node server/http/s3/s3-fuzz.ts [--requests 100000] [--seed 1] [--only <index>]`; prints the counts by status
 * and exits 1 with the requests that went wrong, each with its seed and index.
 */

const connections = 32;
/** The endpoint's own limit for uploads at the same time, less than it lets in. */
const uploadsAtOnce = 60;
/** So many faults are enough. */
const maxFaults = 20;

/** How to fuzz. */
export interface FuzzOptions {
  requests: number;
  seed: number;
  /** Only the request with this number. */
  only?: number;
}

/** What came of it. */
export interface FuzzReport {
  /** Answers by status; 0 counts connections that were closed without one. */
  statuses: Map<number, number>;
  /** By operation, how many requests were answered with success. */
  successes: Map<string, number>;
  /** Of the requests to which nothing was done: how many there were, and how many were answered as S3 would. */
  untouched: { sent: number; succeeded: number };
  faults: string[];
  seconds: number;
}

/** Fuzzes a new endpoint; what is wrong is in the report's faults. */
export async function fuzz({ requests, seed, only }: FuzzOptions): Promise<FuzzReport> {
  const startedAt = performance.now();
  const statuses = new Map<number, number>();
  const successes = new Map<string, number>();
  const untouched = { sent: 0, succeeded: 0 };
  const faults: string[] = [];
  await using endpoint = await startFuzzEndpoint();
  const before = await endpoint.untouchables();
  let next = only ?? 0;
  const end = only === undefined ? requests : only + 1;
  const work = async (): Promise<void> => {
    const connection = new FuzzConnection(endpoint.port);
    let previous = "nothing";
    while (next < end && faults.length < maxFaults && endpoint.failures.length < maxFaults) {
      const index = next++;
      const request = makeRequest({ ...endpoint, nowMs: Date.now() }, seed, index);
      const { answer, fault } = await sendOne(connection, request);
      if (fault !== null)
        faults.push(told(fault, request, answer, `--seed ${seed} --only ${index}, behind ${previous}`));
      previous = `${index} (${answer?.status ?? "no answer"})`;
      if (answer === null) continue;
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      const isSuccess = answer.status >= 200 && answer.status < 300;
      if (isSuccess) successes.set(request.operation, (successes.get(request.operation) ?? 0) + 1);
      if (request.isUntouched) {
        untouched.sent++;
        if (isSuccess) untouched.succeeded++;
      }
      await endpoint
        .reopen(request.head.toString("latin1"), answer)
        .catch((error: unknown) => faults.push(`a right request failed: ${String(error)}`));
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: connections }, work));
  faults.push(...(await lookAfterwards(endpoint, before)));
  return { statuses, successes, untouched, faults, seconds: (performance.now() - startedAt) / 1000 };
}

async function sendOne(
  connection: FuzzConnection,
  request: FuzzRequest,
): Promise<{ answer: FuzzAnswer | null; fault: string | null }> {
  const unasked = connection.takeUnasked();
  if (unasked !== "") return { answer: null, fault: `bytes came behind the answer before: ${unasked}` };
  try {
    const isHead = request.head.toString("latin1", 0, 5) === "HEAD ";
    const answer = await connection.exchange({ ...request, isHead });
    return { answer, fault: faultOf(request, answer) };
  } catch (error) {
    connection.close();
    return { answer: null, fault: error instanceof Error ? error.message : String(error) };
  }
}

/** What is wrong with an answer, or null. */
function faultOf(request: FuzzRequest, { status, head, body }: FuzzAnswer): string | null {
  if (request.cutAfterBytes !== null) return null;
  if (status === 0) return request.isWhole ? "a whole request got no answer" : null;
  if (body.includes(secretMarker)) return "the answer holds what nobody may read";
  const code = /<Code>(\w+)<\/Code>/.exec(body.toString("latin1"))?.[1] ?? "";
  if (
    status >= 500 &&
    !(status === 501 && /^(NotImplemented)?$/.test(code)) &&
    code !== "SlowDown" &&
    status !== 507
  )
    return `status ${status} ${code}`;
  if (status < 400 && request.mustFail !== null) return `${status} in spite of ${request.mustFail}`;
  if (request.isUntouched && ["SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied"].includes(code))
    return `a right request was refused with ${code}`;
  const lines = head.split("\r\n").slice(1);
  const broken = lines.find((line) => !/^[A-Za-z0-9-]+: [^\r\n\0]*$/.test(line) || /^x-evil/i.test(line));
  return broken === undefined ? null : `a broken header: ${broken}`;
}

function told(fault: string, request: FuzzRequest, answer: FuzzAnswer | null, where: string): string {
  const sent = JSON.stringify(request.head.toString("latin1").slice(0, 3_000));
  const body = JSON.stringify(request.body.toString("latin1", 0, 600));
  const came = answer === null ? "" : `\n  answer ${JSON.stringify(answer.body.toString("latin1", 0, 400))}`;
  const how = `${request.operation}: ${request.changes.join(", ")}`;
  return `${fault}\n  ${where} on the same connection  (${how})\n  sent ${sent}\n  body (${request.body.length} bytes) ${body}${came}`;
}

/** What must still hold when all requests are done. */
async function lookAfterwards(endpoint: FuzzEndpoint, before: readonly string[]): Promise<string[]> {
  const faults = endpoint.failures.map((failure) => `the endpoint failed: ${failure}`);
  if (endpoint.failures.some((failure) => failure.startsWith("the process ended"))) return faults;
  const after = await endpoint.untouchables();
  for (const line of after) if (!before.includes(line)) faults.push(`a file outside of its place: ${line}`);
  for (const line of before)
    if (!after.includes(line)) faults.push(`a file that is gone or changed: ${line}`);
  const taken = await uploadTogether(endpoint, uploadsAtOnce);
  if (taken < uploadsAtOnce)
    faults.push(`only ${taken} of ${uploadsAtOnce} uploads are let in: some kept their place`);
  const end = performance.now() + 5_000;
  let left = await endpoint.temporaryFiles();
  while (left.length > 0 && performance.now() < end) {
    await delay(50);
    left = await endpoint.temporaryFiles();
  }
  if (left.length > 0) faults.push(`temporary files are left: ${left.slice(0, 5).join(" ")} …`);
  return faults;
}

/** Begins so many uploads at once; answers how many were let in before any was ended. */
async function uploadTogether({ port, pathPrefix, world }: FuzzEndpoint, count: number): Promise<number> {
  const sockets = Array.from({ length: count }, (_, at) => {
    const head: HttpHead = {
      method: "PUT",
      target: `${pathPrefix}/outputs/together-${at}`,
      headers: [
        ["Host", `127.0.0.1:${port}`],
        ["Content-Length", "1"],
        ["Expect", "100-continue"],
      ],
    };
    signHeader(head, world.job, amzDate(Date.now()), "UNSIGNED-PAYLOAD");
    const lines = head.headers.map(([name, value]) => `${name}: ${value}`);
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => undefined);
    socket.write([`PUT ${head.target} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
    return socket;
  });
  const answers = await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<string>((resolve) => {
          socket.once("data", (data) => resolve(String(data))).once("close", () => resolve(""));
        }),
    ),
  );
  for (const socket of sockets) socket.resetAndDestroy();
  return answers.filter((answer) => answer.startsWith("HTTP/1.1 100")).length;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      requests: { type: "string", default: "100000" },
      seed: { type: "string", default: "1" },
      only: { type: "string" },
    },
  });
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const seed = Number(values.seed);
  const report = await fuzz({
    requests: Number(values.requests),
    seed,
    ...(values.only !== undefined && { only: Number(values.only) }),
  });
  const byNumber = [...report.statuses].sort(([left], [right]) => left - right);
  print(byNumber.map(([status, count]) => `${status === 0 ? "closed" : status}: ${count}`).join("  "));
  print(
    `succeeded: ${[...report.successes]
      .sort()
      .map(([name, count]) => `${name} ${count}`)
      .join(", ")}`,
  );
  const { sent, succeeded } = report.untouched;
  print(
    `untouched requests: ${succeeded} of ${sent} succeeded; ${report.seconds.toFixed(1)} s; seed ${seed}`,
  );
  for (const fault of report.faults) print(`\nFAULT  ${fault}`);
  print(`${report.faults.length} faults`);
  process.exitCode = report.faults.length === 0 ? 0 : 1;
}
