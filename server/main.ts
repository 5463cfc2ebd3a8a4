import { pendingRestore } from "./backups/restore-backup.ts";
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";
import { createApp } from "./app.ts";
import { readConfig, type ServerConfig } from "./config.ts";
import { StartError } from "./config/values.ts";
import { type StatePaths, statePaths } from "./config/state-paths.ts";
import { credentialKeys } from "./credential-key.ts";
import { secretBox } from "./domain/sealed-secret.ts";
import { type Authenticate, isLoopbackAddress, isLoopbackName } from "./http/authenticate.ts";
import { type Listener, openListener } from "./listener.ts";
import { hideSecretsOf, hideValue } from "./domain/hidden-values.ts";
import { type LineTaker, openLog } from "./log.ts";
import { putRestoreInPlace, type RestorePlace } from "./restore-into-server.ts";
import { readiness } from "./services/readiness.ts";
import { lockState, tryLock } from "./state-lock.ts";

/** A restore into a database server is waited for up to an hour. */
const [lookForRestoreMs, mostLooksForRestore] = [500, 7_200];

/** How to start a server; what is left out comes from the environment. */
export interface StartOptions {
  host?: string;
  port?: number;
  stateDir?: string;
  env?: NodeJS.ProcessEnv;
  /** For tests: another way to tell who calls. */
  authenticate?: Authenticate;
  /** For tests: the users there are. */
  findCaller?: (userId: string) => Promise<Caller | null>;
  now?: () => number;
  /** For tests: takes the lines of the log instead of the error output. */
  logOutput?: LineTaker;
  /** For tests: answers that break the contract become errors. */
  checkAnswers?: boolean;
}

/** A server that listens. */
export interface RunningServer {
  url: string;
  /**
   * Open this in a browser on another machine; null when the server answers only this one. Until there are accounts it
   * holds the token that lets its holder in and make the first administrator.
   */
  accessUrl: string | null;
  /** Resolves when the server must not go on, because another one uses its database; it is to be closed then. */
  lost: Promise<StartError>;
  /** Stops answering and following; training goes on and is taken up by the next start. */
  close(): Promise<void>;
}

/** Starts the server; throws {@link StartError} with one sentence for the person who starts it. */
export async function startServer(options: StartOptions = {}): Promise<RunningServer> {
  const env = options.env ?? process.env;
  const config = {
    ...readConfig(env),
    ...definedOnly({ host: options.host, port: options.port, stateDir: options.stateDir }),
  };
  const restore = restorePlace(config, env, options.now ?? Date.now);
  const unlockState = await lockStateDir(config, restore);
  let closeLog = (): void => undefined;
  const unlock = (): void => {
    closeLog();
    unlockState();
  };
  try {
    const { log, close } = openLog(config, options.logOutput);
    closeLog = close;
    return await listenAndRun(config, options, env, { log, unlock, restore });
  } catch (error) {
    unlock();
    throw error;
  }
}

async function listenAndRun(
  config: ServerConfig,
  options: StartOptions,
  env: NodeJS.ProcessEnv,
  { log, unlock, restore }: { log: Logger; unlock: () => void; restore: RestorePlace },
): Promise<RunningServer> {
  hideSecretsOf(env);
  await restoreOrWait(config, restore, log);
  const accessToken = accessTokenOf(config, env);
  hideValue(accessToken);
  const server = openListener(config.tls, log);
  const ready = readiness();
  const lost = Promise.withResolvers<StartError>();
  const app = await createApp({
    config,
    env,
    log,
    accessToken,
    othersReachIt: othersReach(config),
    authenticate: options.authenticate ?? null,
    findCaller: options.findCaller ?? null,
    baseUrl: () => config.publicUrl ?? urlOf(server, config),
    localUrl: () => urlOf(server, config),
    now: options.now ?? Date.now,
    readiness: ready,
    onLost: lost.resolve,
    checkAnswers: options.checkAnswers ?? false,
  });
  app.attach(server.requests);
  try {
    await listen(server, config);
    const { rescued } = await app.start();
    ready.started();
    if (rescued > 0) log.info({ jobs: rescued }, "took up jobs that were under way");
  } catch (error) {
    await app.stop();
    await app.dispose();
    throw error;
  }
  let closing: Promise<void> | undefined;
  const { drainMs, stopGraceMs } = config.replicas;
  const closeAll = async (): Promise<void> => {
    // Whoever looks at the readiness sends no more requests here; those that come all the same are answered.
    ready.drain();
    server.drain();
    if (drainMs > 0) await delay(drainMs);
    const closed = server.close();
    await app.stop();
    await answersGiven(server, closed, stopGraceMs);
    await app.dispose();
    unlock();
  };
  const url = urlOf(server, config);
  log.info({ url, state_dir: config.stateDir }, "listening");
  return {
    url,
    accessUrl: accessUrlOf(config, url, !(await app.hasAccounts()) && accessToken),
    lost: lost.promise,
    close: () => (closing ??= closeAll()),
  };
}

function accessUrlOf(config: ServerConfig, url: string, token: string | false): string | null {
  if (!othersReach(config)) return null;
  const { publicUrl, tls } = config;
  const entrance = publicUrl ?? (tls === null ? url : url.replace("http:", "https:"));
  return token === false ? entrance : `${entrance}/?access_token=${token}`;
}

/** Lets its holder in until there are accounts: at every start another, or the same for all servers that share the key. */
function accessTokenOf({ replicas, stateDir }: ServerConfig, env: NodeJS.ProcessEnv): string {
  if (!replicas.areMany) return randomBytes(18).toString("base64url");
  return secretBox(credentialKeys(statePaths(stateDir).credentialKey, env)).sign("access token", []);
}

/** Waits for the requests under way, at most so long; then cuts them off. */
async function answersGiven(server: Listener, closed: Promise<unknown>, longestMs: number): Promise<void> {
  // Node leaves a kept-alive connection open after its last answer.
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const late = setTimeout(() => server.closeAllConnections(), longestMs);
  await closed;
  clearInterval(idle);
  clearTimeout(late);
}

async function listen(server: Listener, { host, port }: ServerConfig): Promise<void> {
  await server.listen(port, host).catch((error: NodeJS.ErrnoException) => {
    throw listenProblem(error, host, port) ?? error;
  });
}

function listenProblem({ code }: NodeJS.ErrnoException, host: string, port: number): StartError | null {
  switch (code) {
    case "EADDRINUSE":
      return new StartError(
        `Port ${port} on ${host} is already in use. Stop the program that uses it, or choose another port with --port or SIMPLETUNER_PORT.`,
      );
    case "EACCES":
      return new StartError(
        `Port ${port} needs administrator rights. Choose one above 1023 with --port or SIMPLETUNER_PORT.`,
      );
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new StartError(
        `${host} is not an address of this machine. Choose another with --host or SIMPLETUNER_HOST.`,
      );
    default:
      return null;
  }
}

async function lockStateDir(config: ServerConfig, restore: RestorePlace): Promise<() => void> {
  try {
    mkdirSync(config.stateDir, { recursive: true, mode: 0o700 });
    const { paths } = restore;
    if (config.replicas.areMany && pendingRestore(paths) !== null) await restoreAlone(restore);
    return config.replicas.areMany ? await shareState(paths) : lockState(paths.lock);
  } catch (error) {
    if (error instanceof StartError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "ENOSPC")
      throw new StartError(
        `The disk that holds ${config.stateDir} is full. Free some space and start again.`,
        { cause: error },
      );
    throw new StartError(
      `The folder ${config.stateDir} cannot be written (${code}). Give this user write permission, or choose another with SIMPLETUNER_STATE_DIR.`,
      { cause: error },
    );
  }
}

/** Shares the state directory with other servers, once none of them is putting a restore in place. */
async function shareState(paths: StatePaths): Promise<() => void> {
  const mostLooks = pendingRestore(paths) === null ? 0 : mostLooksForRestore;
  for (let looks = 0; looks < mostLooks; looks++) {
    const unlock = tryLock(paths.lock, true);
    if (unlock !== null) return unlock;
    await delay(lookForRestoreMs);
  }
  return lockState(paths.lock, true);
}

/** What a restore at the start replaces. */
function restorePlace(config: ServerConfig, env: NodeJS.ProcessEnv, now: () => number): RestorePlace {
  const paths = statePaths(config.stateDir);
  const { database, outbound, backupFolder } = config;
  const nobody = (): void => undefined;
  return { paths, database, outbound, backups: backupFolder ?? paths.backups, env, now, onTable: nobody };
}

/** Puts a staged restore in place; of several servers that is done by {@link restoreAlone}. */
async function restoreOrWait(
  { replicas }: ServerConfig,
  restore: RestorePlace,
  log: Pick<Logger, "warn">,
): Promise<void> {
  const pending = pendingRestore(restore.paths);
  if (pending === null) return;
  if (replicas.areMany)
    return log.warn("a restore waits for a start while no other server uses the state directory");
  log.warn({ backup_id: pending.backup_id }, "putting the backup in place; until then nothing is answered");
  await putInPlace(restore);
}

/** Throws {@link StartError} where a restore cannot be put into a database server. */
async function putInPlace(restore: RestorePlace): Promise<void> {
  try {
    await putRestoreInPlace(restore);
  } catch (error) {
    const pending = pendingRestore(restore.paths);
    if (restore.database === null || pending === null) throw error;
    throw new StartError(
      `The backup ${pending.backup_id} is not in place yet: ${(error as Error).message} Start again to go on with it, or give it up with: simpletuner-cloud backup restore --cancel --offline`,
      { cause: error },
    );
  }
}

/** Of several servers the first one puts a restore in place; once another uses the folder, it waits. */
async function restoreAlone(restore: RestorePlace): Promise<void> {
  let unlock: () => void;
  try {
    unlock = lockState(restore.paths.lock);
  } catch (error) {
    if (error instanceof StartError) return;
    throw error;
  }
  try {
    await putInPlace(restore);
  } finally {
    unlock();
  }
}

/** Whether this server is meant for more than this machine: by its address, or by the public one of a proxy before it. */
function othersReach({ host, publicUrl }: ServerConfig): boolean {
  const names = [host, ...(publicUrl === null ? [] : [new URL(publicUrl).hostname])];
  return !names.every((name) => isLoopbackAddress(name) || isLoopbackName(name));
}

/** How this machine reaches the server; plain also with a certificate, whose name is that of another address. */
function urlOf(server: Listener, { host }: ServerConfig): string {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${server.address()?.port ?? 0}`;
}

function definedOnly<Values extends object>(
  values: Values,
): { [Name in keyof Values]?: NonNullable<Values[Name]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

if (import.meta.main) {
  try {
    const server = await startServer();
    if (server.accessUrl !== null) process.stderr.write(`Open from another machine: ${server.accessUrl}\n`);
    const stop = (): void => void server.close().then(() => process.exit(0));
    process.once("SIGINT", stop).once("SIGTERM", stop);
    const why = await server.lost;
    process.stderr.write(`${why.message}\n`);
    await server.close();
    process.exit(1);
  } catch (error) {
    process.stderr.write(`${error instanceof StartError ? error.message : (error as Error).stack}\n`);
    process.exit(1);
  }
}
