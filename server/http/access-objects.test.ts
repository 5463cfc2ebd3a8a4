import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { GetObjectCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import type { Endpoint } from "@simpletuner-cloud/contract/endpoint.ts";
import { callerMay, type Permission } from "@simpletuner-cloud/contract/permissions.ts";
import { type AccessSite, startAccessSite } from "../testing/access-site.ts";
import { type Browser, codeOf, openBrowser } from "../testing/account-clients.ts";
import { sampleOf } from "../testing/sample-input.ts";
import { allEndpoints } from "./openapi.ts";

let site: AccessSite;
before(async () => (site = await startAccessSite()));
after(() => site.server.close());

/** Objects of people by their parameter: whoever has no business with one hears that it is not there. */
const hidden = ["job_id", "delivery_id", "access_key_id", "session_id", "api_key_id"] as const;
/** Objects that everybody may look at and only their owners change. */
const shared = ["name"] as const;

/** A provider's delivery and an explanation name no object of a user; an upload's id is looked up among the caller's own names alone. */
const namingNobodys = ["deliverWebhook", "uploadProgress", "dismissHint", "showHint"];

/** Values for inputs that must have a form or mean something. */
const known = (): Record<string, unknown> => ({
  ...site.ritas,
  with: site.ritas.job_id,
  key: "pytorch_lora_weights.safetensors",
  name: "mine-now",
  config: { model_family: "test", max_train_steps: 1 },
  datasets: [{ id: "pictures", type: "local", instance_data_dir: `${site.server.folder}/dataset` }],
});

/** Asks an endpoint about what is rita's, with input that it takes. */
async function ask(browser: Browser, endpoint: Endpoint, objects: Record<string, string>): Promise<number> {
  const path = endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => objects[name] ?? "missing");
  const query = endpoint.query ? (sampleOf(endpoint.query, known()) as Record<string, string>) : {};
  const leave = new AbortController();
  const response = await browser.fetch(`${path}?${new URLSearchParams(query)}`, {
    method: endpoint.method,
    signal: leave.signal,
    ...(endpoint.body && {
      headers: { "content-type": "application/json" },
      body: JSON.stringify(sampleOf(endpoint.body, known())),
    }),
  });
  leave.abort();
  return response.status;
}

function parametersOf({ path }: Endpoint): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "");
}

/** Endpoints about one of these objects; the trainer's proves its caller by the job's own secret. */
function endpointsAbout(parameters: readonly string[]): Endpoint[] {
  return allEndpoints()
    .filter(({ name }) => name !== "receiveTrainerEvent")
    .map(({ endpoint }) => endpoint)
    .filter((endpoint) => parametersOf(endpoint).some((name) => parameters.includes(name)))
    .sort((a, b) => Number(a.method === "DELETE") - Number(b.method === "DELETE"));
}

test("every object that a user may name in a path is known here, so that no new kind of it goes untested", async () => {
  const { grants } = await (await site.browserOf("sam")).call("GET /api/auth/check");
  const told: readonly string[] = [...hidden, ...shared];
  // What only administrators may touch is nobody's own: the permission alone says who does.
  const open = allEndpoints().filter(
    ({ name, endpoint: { access } }) =>
      !namingNobodys.includes(name) && (typeof access !== "string" || callerMay({ grants }, access)),
  );
  const named = new Set(open.flatMap(({ endpoint }) => parametersOf(endpoint)));
  assert.deepEqual(
    [...named].filter((name) => !told.includes(name)),
    [],
  );
});

test("to somebody with the same rights, everything of another looks as if it were not there, and stays untouched", async () => {
  const sam = await site.browserOf("sam");
  const holes: string[] = [];
  for (const endpoint of endpointsAbout(hidden)) {
    const status = await ask(sam, endpoint, site.ritas);
    if (status !== 404) holes.push(`${endpoint.method} ${endpoint.path} answered ${status}`);
  }
  assert.deepEqual(holes, []);
  const rita = await site.browserOf("rita");
  const closed: string[] = [];
  for (const endpoint of endpointsAbout(hidden).filter(({ method }) => method === "GET")) {
    const status = await ask(rita, endpoint, site.ritas);
    // The model is no real safetensors file, which is told of it.
    if (status !== 200 && status !== 422) closed.push(`${endpoint.path} answered its owner ${status}`);
  }
  assert.deepEqual(closed, []);
  assert.equal((await rita.call("GET /api/auth/api-keys")).api_keys.length, 1);
  assert.equal((await rita.call("GET /api/cloud/storage-keys")).keys.length, 1);
});

test("an upload of another's name or job is one that was not submitted yet", async () => {
  const sam = await site.browserOf("sam");
  const firstMessage = async (name: string): Promise<string> => {
    const leave = new AbortController();
    const response = await sam.fetch(`/api/webhooks/upload/progress/${name}`, { signal: leave.signal });
    const { value } = await (response.body ?? assert.fail("no stream")).getReader().read();
    leave.abort();
    return Buffer.from(value ?? [])
      .toString()
      .replace(/"updated_at":"[^"]+"/, "");
  };
  assert.equal(await firstMessage(site.ritas.job_id), await firstMessage("nobodys"));
});

test("who sees everybody's jobs does with them what the permissions for all say, and no more", async () => {
  const lena = await site.browserOf("lena");
  const { grants } = await lena.call("GET /api/auth/check");
  const holes: string[] = [];
  for (const endpoint of endpointsAbout(["job_id"])) {
    const all = String(endpoint.access).replace(/\.own$/, ".all") as Permission;
    const status = await ask(lena, endpoint, site.ritas);
    const allowed = callerMay({ grants }, all);
    const wrong = allowed ? [401, 403, 404].includes(status) : status !== 403;
    if (wrong) holes.push(`${endpoint.method} ${endpoint.path} answered ${status}`);
  }
  assert.deepEqual(holes, []);
});

test("what is made of another's job does not come by its secrets", async () => {
  const params = { job_id: site.ritas.job_id };
  const secretOf = async (browser: Browser): Promise<unknown> => {
    const { job_id } = await browser.call("POST /api/cloud/jobs/{job_id}/retry", { params, body: {} });
    return (await browser.call("GET /api/cloud/jobs/{job_id}/config", { params: { job_id } })).config[
      "hub_token"
    ];
  };
  assert.equal(await secretOf(await site.browserOf("rita")), "********");
  assert.equal(await secretOf(await site.browserOf("lena")), "");
});

test("a configuration is seen by all and changed by its owner", async () => {
  const sam = await site.browserOf("sam");
  const holes: string[] = [];
  for (const endpoint of endpointsAbout(shared)) {
    const status = await ask(sam, endpoint, site.ritas);
    const changes = endpoint.method === "PUT" || endpoint.method === "DELETE";
    if (changes ? status !== 403 : status !== 200)
      holes.push(`${endpoint.method} ${endpoint.path} answered ${status}`);
  }
  assert.deepEqual(holes, []);
  const rita = await site.browserOf("rita");
  for (const endpoint of endpointsAbout(shared))
    assert.equal(await ask(rita, endpoint, site.ritas), 200, endpoint.path);
  const revived = await sam.fetch("/api/configs/of-rita", {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ config: known()["config"], dataloader_config: known()["datasets"] }),
  });
  assert.equal(revived.status, 200, "a name that is free again is anybody's");
});

test("no list, total or status tells somebody of what is another's", async () => {
  const sam = await site.browserOf("sam");
  const { user_id: _, name: __, ...secret } = site.ritas;
  const leaks: string[] = [];
  for (const { endpoint } of allEndpoints()) {
    if (endpoint.method !== "GET" || parametersOf(endpoint).length > 0) continue;
    if ("stream" in endpoint.answer) continue;
    const text = await (await sam.fetch(endpoint.path)).text();
    for (const [what, id] of Object.entries(secret))
      if (text.includes(id)) leaks.push(`${endpoint.path} tells the ${what}`);
    if (text.includes("rita@example.org")) leaks.push(`${endpoint.path} tells the address`);
  }
  assert.deepEqual(leaks, []);
  assert.equal((await sam.call("GET /api/cloud/jobs")).total, 0);
  assert.equal((await sam.call("GET /api/cloud/jobs", { query: { user_id: site.ritas.user_id } })).total, 0);
  assert.equal((await sam.call("GET /api/cloud/cost/summary")).job_count, 0);
});

test("another's job cannot be reached through what a request says inside", async () => {
  const sam = await site.browserOf("sam");
  const { job_id } = site.ritas;
  assert.equal(
    await codeOf(sam.call("POST /api/cloud/data-consent/preview", { body: { retry_of: job_id } })),
    "job_not_found",
  );
});

test("outputs are reached by their owner with a session, an API key or a storage key, and by nobody else", async () => {
  const rita = await site.browserOf("rita");
  const sam = await site.browserOf("sam");
  const file = `/api/cloud/storage/outputs/${site.ritas.job_id}/pytorch_lora_weights.safetensors`;
  const status = async (browser: Browser, method = "GET") => (await browser.fetch(file, { method })).status;
  const keyOf = async (browser: Browser, scopes: string[] | null): Promise<Browser> => {
    const body = { name: "s3", scoped_permissions: scopes };
    const { key } = await browser.call("POST /api/auth/api-keys", { body });
    return openBrowser(site.server, { "x-api-key": key });
  };
  assert.equal(await status(rita), 200);
  assert.equal(await status(await keyOf(rita, null)), 200);
  assert.equal(await status(await keyOf(rita, ["job.view.own"])), 200);
  assert.equal(await status(await keyOf(rita, ["job.submit"])), 403);
  assert.equal(await status(await keyOf(rita, ["job.view.own"]), "DELETE"), 403);
  for (const stranger of [
    sam,
    await keyOf(sam, null),
    await site.browserOf("dan"),
    openBrowser(site.server),
  ]) {
    assert.equal(await status(stranger), 403);
    assert.equal(await status(stranger, "DELETE"), 403);
  }
  const withoutToken = openBrowser(site.server, {
    cookie: `simpletuner_session=${rita.cookies.get("simpletuner_session")}`,
  });
  assert.equal(await status(withoutToken, "DELETE"), 403, "a page of another site could send this");
  const clientOf = async (browser: Browser): Promise<S3Client> => {
    const { key, secret_access_key } = await browser.call("POST /api/cloud/storage-keys", {
      body: { name: "s3" },
    });
    return new S3Client({
      endpoint: `${site.server.url}/api/cloud/storage`,
      region: "auto",
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: key.access_key_id, secretAccessKey: secret_access_key },
    });
  };
  const object = { Bucket: "outputs", Key: `${site.ritas.job_id}/pytorch_lora_weights.safetensors` };
  const own = await clientOf(rita);
  await own.send(new GetObjectCommand(object));
  const foreign = await clientOf(sam);
  await assert.rejects(foreign.send(new GetObjectCommand(object)), { name: "AccessDenied" });
  const { Contents = [] } = await foreign.send(new ListObjectsV2Command({ Bucket: "outputs" }));
  assert.deepEqual(Contents, []);
  // The key is bound to what its owner may do now.
  const params = { user_id: site.ritas.user_id };
  const root = await site.browserOf("root");
  await root.call("POST /api/users/{user_id}/deactivate", { params });
  await assert.rejects(own.send(new GetObjectCommand(object)), { name: "InvalidAccessKeyId" });
  await root.call("POST /api/users/{user_id}/activate", { params });
  await own.send(new GetObjectCommand(object));
});
