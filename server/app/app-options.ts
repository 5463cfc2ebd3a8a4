import type { Logger } from "pino";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import type { ServerConfig } from "../config.ts";
import type { StartError } from "../config/values.ts";
import type { Authenticate } from "../http/authenticate.ts";
import type { Readiness } from "../services/readiness.ts";

/** What an application is made of beside its configuration. */
export interface AppOptions {
  config: ServerConfig;
  env: NodeJS.ProcessEnv;
  log: Logger;
  /** Stands for sitting at this machine until there are accounts; made at each start. */
  accessToken: string;
  /** Not only this machine reaches the server. */
  othersReachIt: boolean;
  /** For tests: who calls, instead of who proves to; null leaves it to the accounts. */
  authenticate: Authenticate | null;
  /** For tests: a user as of now, by id; null leaves it to the accounts. */
  findCaller: ((userId: string) => Promise<Caller | null>) | null;
  /** This server's address, known once it listens. */
  baseUrl: () => string;
  /** How a program on this machine reaches it, known once it listens. */
  localUrl: () => string;
  now: () => number;
  /** Set by who starts and stops the server; tells load balancers. */
  readiness: Readiness;
  /** Told that another server uses the database by now, so that this one must be stopped. */
  onLost: (why: StartError) => void;
  checkAnswers: boolean;
}
