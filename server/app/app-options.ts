import type { Logger } from "pino";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { ServerConfig } from "../config.ts";
import type { Authenticate } from "../http/authenticate.ts";

/** What an application is made of beside its configuration. */
export interface AppOptions {
  config: ServerConfig;
  env: NodeJS.ProcessEnv;
  log: Logger;
  accessToken: string;
  authenticate: Authenticate;
  /** A user as of now, by id; null when there is none. */
  findCaller: (userId: string) => Promise<Caller | null>;
  /** This server's address, known once it listens. */
  baseUrl: () => string;
  now: () => number;
  checkAnswers: boolean;
}
