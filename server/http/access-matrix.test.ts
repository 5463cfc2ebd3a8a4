import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Endpoint } from "@simpletuner-cloud/contract/endpoint.ts";
import { callerMay, permissions } from "@simpletuner-cloud/contract/permissions.ts";
import { type AccessSite, type Someone, startAccessSite, withHeader } from "../testing/access-site.ts";
import { openBrowser, signIn } from "../testing/account-clients.ts";
import { allEndpoints } from "./openapi.ts";

let site: AccessSite;
let callers: Record<string, Someone>;

before(async () => {
  site = await startAccessSite();
  const { server } = site;
  const user = async (name: string): Promise<Someone> => {
    const { grants } = await (await site.browserOf(name)).call("GET /api/auth/check");
    return { browser: () => site.browserOf(name), grants };
  };
  const expired = await signIn(server, "root");
  site.forward(25 * 3_600_000);
  const revoked = await signIn(server, "root");
  const left = revoked.cookies.get("simpletuner_session") ?? "";
  await revoked.call("POST /api/auth/logout");
  const admin = await site.browserOf("root");
  const { key, key_info } = await admin.call("POST /api/auth/api-keys", { body: { name: "revoked" } });
  await admin.call("DELETE /api/auth/api-keys/{api_key_id}", { params: { api_key_id: key_info.id } });
  const whole = await admin.call("POST /api/auth/api-keys", { body: { name: "whole" } });
  callers = {
    anonymous: { browser: async () => openBrowser(server), grants: null },
    viewer: await user("vera"),
    researcher: await user("rita"),
    lead: await user("lena"),
    admin: await user("root"),
    "denied everything": await user("dan"),
    "expired session": { browser: async () => expired, grants: null },
    "revoked session": {
      browser: withHeader(server, { cookie: `simpletuner_session=${left}` }),
      grants: null,
    },
    "revoked key": { browser: withHeader(server, { "x-api-key": key }), grants: null },
    "forged key": { browser: withHeader(server, { "x-api-key": `st_${"A".repeat(32)}` }), grants: null },
    "key of the admin": { browser: withHeader(server, { "x-api-key": whole.key }), grants: ["*"] },
  };
});
after(() => site.server.close());

/** Asks an endpoint with nothing but its path and answers the status; streams are left at once. */
async function statusOf(endpoint: Endpoint, { browser }: Someone): Promise<number> {
  const leave = new AbortController();
  const path = endpoint.path.replaceAll(/\{\w+\}/g, "no-such-thing");
  const response = await (await browser()).fetch(path, { method: endpoint.method, signal: leave.signal });
  leave.abort();
  return response.status;
}

/** What an endpoint declares for a caller: 401, 403, or null when it must be let in. */
function refusalDue({ access, method }: Endpoint, { grants, scoped }: Someone): number | null {
  if (typeof access === "object" && "public" in access) return null;
  if (grants === null) return 401;
  if (typeof access === "object") return scoped && method !== "GET" ? 403 : null;
  return callerMay({ grants }, access) ? null : 403;
}

async function holesFor(
  someone: (endpoint: Endpoint) => Promise<Someone>,
  endpoints = swept(),
): Promise<string[]> {
  const holes: string[] = [];
  for (const endpoint of endpoints) {
    const caller = await someone(endpoint);
    const due = refusalDue(endpoint, caller);
    const status = await statusOf(endpoint, caller);
    const wrong = due === null ? status === 401 || status === 403 || status >= 500 : status !== due;
    if (wrong)
      holes.push(`${endpoint.method} ${endpoint.path} answered ${status}, due ${due ?? "anything else"}`);
  }
  return holes;
}

/** Endpoints that prove their callers in their own way and have tests of their own. */
const ownProof = ["receiveTrainerEvent", "deliverWebhook"];

/** All but those. */
function swept(): Endpoint[] {
  return allEndpoints().flatMap(({ name, endpoint }) => (ownProof.includes(name) ? [] : [endpoint]));
}

for (const name of [
  "anonymous",
  "viewer",
  "researcher",
  "lead",
  "admin",
  "denied everything",
  "expired session",
  "revoked session",
  "revoked key",
  "forged key",
  "key of the admin",
]) {
  test(`every endpoint of the contract treats as declared: ${name}`, async () => {
    const caller = callers[name];
    assert.ok(caller);
    assert.deepEqual(await holesFor(async () => caller), []);
  });
}

test("every endpoint of the contract refuses a key without its scope, also the administrator's", async () => {
  const keyFor = async ({ access }: Endpoint): Promise<Someone> => {
    const permission = typeof access === "string" ? access : "job.submit";
    const key = await site.keyWithout(permission);
    const grants = permissions.filter((one) => !callerMay({ grants: [one] }, permission));
    return { browser: withHeader(site.server, { "x-api-key": key }), grants, scoped: true };
  };
  assert.deepEqual(await holesFor(keyFor), []);
});

test("the sweep sees a hole: an endpoint that is open, one that asks too little, one that asks too much", async () => {
  const named = (wanted: string, access: Endpoint["access"]): Endpoint => {
    const found = allEndpoints().find(({ name }) => name === wanted);
    assert.ok(found);
    return { ...found.endpoint, access };
  };
  const planted = [
    named("live", "admin.config"),
    named("listJobs", "admin.users"),
    named("listUsers", "job.view.own"),
  ];
  const { anonymous, researcher } = callers;
  assert.ok(anonymous && researcher);
  assert.equal((await holesFor(async () => anonymous, planted)).length, 1);
  assert.equal((await holesFor(async () => researcher, planted)).length, 3);
});

test("a viewer changes nothing but the own account", () => {
  const { viewer } = callers;
  assert.ok(viewer);
  const changing = allEndpoints().filter(
    ({ endpoint }) =>
      endpoint.method !== "GET" &&
      typeof endpoint.access === "string" &&
      refusalDue(endpoint, viewer) === null,
  );
  // All of them only ask, or check what is sent.
  assert.deepEqual(changing.map(({ name }) => name).sort(), [
    "checkHubRepository",
    "modelLicense",
    "validateConfig",
    "validateInlineConfig",
  ]);
});

test("no endpoint's path is taken by one that stands before it", () => {
  const earlier: Endpoint[] = [];
  const shadowed: string[] = [];
  for (const { endpoint } of allEndpoints()) {
    const first = earlier.find(
      ({ method, path }) =>
        method === endpoint.method &&
        new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(endpoint.path),
    );
    if (first) shadowed.push(`${endpoint.path} by ${first.path}`);
    earlier.push(endpoint);
  }
  assert.deepEqual(shadowed, []);
});
