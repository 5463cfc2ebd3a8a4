import { type ApiClient, apiClient, errorOf } from "@simpletuner-cloud/contract/client.ts";
import { CommandFailure, type Io } from "./io.ts";
import { connectTo } from "./server-address.ts";

/** Signs in for one piece of work and out again; the session goes along as a token, so no cookie is kept anywhere. */
export async function withSession<Answer>(
  baseUrl: string,
  user: { username: string; password: string },
  io: Pick<Io, "env" | "interrupted">,
  work: (call: ApiClient) => Promise<Answer>,
): Promise<Answer> {
  // Without the key of the environment: it may be the very one that does not hold any more.
  const { fetcher } = connectTo(baseUrl, { ...io, env: { ...io.env, SIMPLETUNER_API_KEY: undefined } });
  const response = await fetcher(`${baseUrl}/api/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(user),
  });
  if (!response.ok) throw await errorOf(response);
  const cookie = response.headers.getSetCookie().find((one) => one.startsWith("simpletuner_session="));
  const token = /^[^=]+=([^;]+)/.exec(cookie ?? "")?.[1];
  if (token === undefined) throw new CommandFailure(`The server at ${baseUrl} answered without a session.`);
  const call = apiClient(baseUrl, { authorization: `Bearer ${token}` }, fetcher);
  try {
    return await work(call);
  } finally {
    await call("POST /api/auth/logout").catch(() => undefined);
  }
}
