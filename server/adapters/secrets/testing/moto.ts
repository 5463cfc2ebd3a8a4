import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../../testing/free-port.ts";

/** Set by the test runner; empty where there is none. */
const program = process.env["TEST_MOTO"] ?? "moto_server";

/**
 * Moto, the emulator of AWS that its Python users know; started at the first question and ended with the tests of the
 * file that calls this.
 */
export function startMoto() {
  let running: Promise<{ url: string; child: ChildProcess }> | null = null;
  after(async () => (await running)?.child.kill());
  const found = program !== "" && spawnSync(program, ["--help"], { stdio: "ignore" }).status === 0;
  return {
    skip: found ? (false as const) : "moto_server was not found",
    async site() {
      running ??= start();
      const { url } = await running;
      return { url, put: (document: object | null) => put(url, document), reset: () => reset(url) };
    },
  };
}

async function start(): Promise<{ url: string; child: ChildProcess }> {
  const port = await freePort();
  const child = spawn(program, ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 600; tries++) {
    if (
      await fetch(`${url}/moto-api/`).then(
        () => true,
        () => false,
      )
    )
      return { url, child };
    if (child.exitCode !== null) break;
    await delay(100);
  }
  child.kill();
  throw new Error("moto_server did not start");
}

async function reset(url: string): Promise<void> {
  await fetch(`${url}/moto-api/reset`, { method: "POST" });
}

/** Writes the secret `prod/simpletuner`. */
async function put(url: string, document: object | null): Promise<void> {
  if (document === null) return reset(url);
  const send = (target: string, body: object) =>
    fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": `secretsmanager.${target}`,
        authorization:
          "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0",
      },
      body: JSON.stringify(body),
    });
  const SecretString = JSON.stringify(document);
  const made = await send("CreateSecret", { Name: "prod/simpletuner", SecretString });
  if (!made.ok) await send("PutSecretValue", { SecretId: "prod/simpletuner", SecretString });
}
