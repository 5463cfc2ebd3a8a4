import { ApiError, type ApiClient, apiClient } from "@simpletuner-cloud/contract/client.ts";
import type { TestServer } from "./test-server.ts";

/** A password that will do. */
export const goodPassword = "a lighthouse at night";

/** Something that keeps cookies and repeats the token they hold, as the product's own page does. */
export interface Browser {
  call: ApiClient;
  cookies: Map<string, string>;
  /** Asks with the browser's cookies, and its token where something is changed; `headers` come on top. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
}

/** Opens a browser on a server; `headers` go with every request. */
export function openBrowser(server: Pick<TestServer, "url">, headers: Record<string, string> = {}): Browser {
  const cookies = new Map<string, string>();
  const own: typeof fetch = async (input, init) => {
    const csrf = cookies.get("csrf_token");
    const response = await fetch(input, {
      redirect: "manual",
      ...init,
      headers: {
        ...headers,
        ...(cookies.size > 0 && {
          cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        }),
        ...(csrf !== undefined && (init?.method ?? "GET") !== "GET" && { "x-csrf-token": csrf }),
        ...(init?.headers as Record<string, string>),
      },
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === "") cookies.delete(name);
      else cookies.set(name, value);
    }
    return response;
  };
  // The address changes when the server is started again.
  const call = ((...args: Parameters<ApiClient>) => apiClient(server.url, {}, own)(...args)) as ApiClient;
  return { call, cookies, fetch: (path, init) => own(server.url + path, init) };
}

/** Makes the first administrator, `root`, and answers its browser. */
export async function setUp(server: TestServer): Promise<Browser> {
  const browser = openBrowser(server);
  await browser.call("POST /api/auth/setup/first-admin", {
    body: { username: "root", email: "root@example.org", password: goodPassword },
  });
  return browser;
}

/** Signs a user in with {@link goodPassword}. */
export async function signIn(
  server: TestServer,
  username: string,
  password = goodPassword,
): Promise<Browser> {
  const browser = openBrowser(server);
  await login(browser, username, password);
  return browser;
}

/** Makes a user with {@link goodPassword} and answers its id. */
export async function addUser(admin: Browser, username: string, levels = ["researcher"]): Promise<string> {
  const { user } = await admin.call("POST /api/users", {
    body: { username, email: `${username}@example.org`, password: goodPassword, level_names: levels },
  });
  return user.id;
}

/** A client with an API key. */
export function keyClient(server: Pick<TestServer, "url">, key: string): ApiClient {
  return apiClient(server.url, { "x-api-key": key });
}

/** The code of the error that a call ends with; "accepted" when it ends well. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
  );
}

/** Data of the stored events of a type, as the audit will read them. */
export async function eventsOf(server: TestServer, type: string): Promise<Record<string, unknown>[]> {
  const rows = await server.database((db) =>
    db.selectFrom("job_events").select("data").where("type", "=", type).orderBy("id").execute(),
  );
  return rows.map(({ data }) => JSON.parse(data) as Record<string, unknown>);
}

/** Signs in at a browser. */
export function login(browser: Browser, username: string, password = goodPassword, remember_me = false) {
  return browser.call("POST /api/auth/login", { body: { username, password, remember_me } });
}
