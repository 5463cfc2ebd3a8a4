import type { DestinationDraft } from "@simpletuner-cloud/contract/destinations.ts";
import { callerMay, type Permission, permissions } from "@simpletuner-cloud/contract/permissions.ts";
import { addUser, type Browser, openBrowser, setUp, signIn } from "./account-clients.ts";
import { makeDataset, startTestServer, type TestServer, waitForJob } from "./test-server.ts";
import { quickTrainer } from "./trainer-scripts.ts";

/** Somebody who calls: how, and what it may do; null grants mean that it proves nothing. */
export interface Someone {
  browser: () => Promise<Pick<Browser, "fetch">>;
  grants: readonly string[] | null;
  /** An API key of limited scope. */
  scoped?: boolean;
}

/** A server with a user of each level, and with things that belong to `rita`. */
export interface AccessSite {
  server: TestServer;
  root: Browser;
  /** Ids of what rita has, by the parameter that names it in a path. */
  ritas: Record<
    "job_id" | "delivery_id" | "access_key_id" | "session_id" | "api_key_id" | "name" | "user_id",
    string
  >;
  /** A signed-in browser; a new one when the last session was ended. */
  browserOf(username: string): Promise<Browser>;
  /** A key of the administrator that holds everything but what covers the permission. */
  keyWithout(permission: Permission): Promise<string>;
  forward(ms: number): void;
}

/** Users of the site by the level they hold; `sam` has the same rights as `rita` and nothing of hers. */
const people = {
  vera: "viewer",
  rita: "researcher",
  sam: "researcher",
  dan: "researcher",
  lena: "lead",
} as const;

/** Starts the site. */
export async function startAccessSite(): Promise<AccessSite> {
  const clock = { aheadMs: 0 };
  const server = await startTestServer({
    accounts: true,
    script: quickTrainer,
    now: () => Date.now() + clock.aheadMs,
  });
  const root = await setUp(server);
  const ids = new Map<string, string>();
  for (const [name, level] of Object.entries(people)) ids.set(name, await addUser(root, name, [level]));
  const dan = ids.get("dan") ?? "";
  await root.call("POST /api/users/{user_id}/permissions", {
    params: { user_id: dan },
    body: { permission_name: "*", granted: false },
  });
  const browsers = new Map<string, Browser>([["root", root]]);
  const browserOf = async (username: string): Promise<Browser> => {
    const known = browsers.get(username);
    if (known && (await known.call("GET /api/auth/check")).authenticated) return known;
    const fresh = await signIn(server, username);
    browsers.set(username, fresh);
    return fresh;
  };
  const keys = new Map<Permission, string>();
  return {
    server,
    root,
    ritas: { ...(await giveThings(server, root, await browserOf("rita"))), user_id: ids.get("rita") ?? "" },
    browserOf,
    forward: (ms) => void (clock.aheadMs += ms),
    async keyWithout(permission) {
      const known = keys.get(permission);
      if (known !== undefined) return known;
      const scopes = permissions.filter((one) => !callerMay({ grants: [one] }, permission));
      const { key } = await (
        await browserOf("root")
      ).call("POST /api/auth/api-keys", {
        body: { name: permission, scoped_permissions: scopes },
      });
      keys.set(permission, key);
      return key;
    },
  };
}

/** Makes a job, keys and a configuration. */
/** A place that nothing ever arrives at. */
const unreachable = {
  name: "Nowhere",
  settings: {
    kind: "s3",
    preset: "other",
    endpoint: "http://127.0.0.1:9",
    region: "auto",
    bucket: "nowhere",
    prefix: "",
    folder: "{name}",
    path_style: true,
    public_base_url: null,
    access_key_id: "none",
    include_samples: false,
    include_checkpoints: false,
  },
  secret_access_key: "none",
  is_default: false,
} satisfies DestinationDraft;

async function giveThings(server: TestServer, root: Browser, rita: Browser) {
  const { dataloader } = await makeDataset(server.folder);
  const config = { model_family: "test", max_train_steps: 1, hub_token: "hf_0123456789" };
  const { job_id } = await rita.call("POST /api/cloud/jobs/submit", {
    body: { config, dataloader_config: dataloader },
  });
  await waitForJob(rita.call, job_id, (job) => job.is_terminal);
  await root.call("POST /api/cloud/destinations", { body: unreachable });
  const ordered = await rita.call("POST /api/cloud/jobs/{job_id}/deliveries", {
    params: { job_id },
    body: { destinations: [unreachable.name] },
  });
  const storageKey = await rita.call("POST /api/cloud/storage-keys", { body: { name: "laptop" } });
  const apiKey = await rita.call("POST /api/auth/api-keys", { body: { name: "script" } });
  const name = "of-rita";
  await rita.call("PUT /api/configs/{name}", {
    params: { name },
    body: { config, dataloader_config: dataloader },
  });
  await rita.call("PUT /api/configs/dataloaders/{name}", {
    params: { name },
    body: { datasets: dataloader },
  });
  const { sessions } = await rita.call("GET /api/auth/sessions");
  return {
    job_id,
    delivery_id: ordered.deliveries[0]?.delivery_id ?? "",
    access_key_id: storageKey.key.access_key_id,
    api_key_id: apiKey.key_info.id,
    session_id: sessions[0]?.id ?? "",
    name,
  };
}

/** A caller with a key or token in a header. */
export function withHeader(server: TestServer, headers: Record<string, string>): Someone["browser"] {
  const browser = openBrowser(server, headers);
  return async () => browser;
}
