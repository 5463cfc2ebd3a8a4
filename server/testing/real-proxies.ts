import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { eventually } from "./trainer-scripts.ts";

const run = promisify(execFile);

/** Programs that tests need; set by the test runner, empty where there is none. */
export const programs = {
  tinyproxy: process.env["TEST_TINYPROXY"] ?? "tinyproxy",
  squid: process.env["TEST_SQUID"] ?? "squid",
  /** Debian's place of squid's helper that makes certificates. */
  certgen: "/usr/lib/squid/security_file_certgen",
  openssl: process.env["TEST_OPENSSL"] ?? "openssl",
};

/** A proxy that runs. */
export interface RealProxy {
  /** `http://127.0.0.1:port`, without user and password. */
  url: string;
  /** What it wrote to its log so far. */
  log: () => Promise<string>;
  close(): Promise<void>;
}

/** Runs a program without the rights of root, as these proxies insist on. */
function asNobody(command: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, [...args]];
  return ["setpriv", ["--reuid=nobody", "--regid=nogroup", "--clear-groups", command, ...args]];
}

/** A folder that the proxy's user may use. */
async function proxyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "proxy-test-"));
  await chmod(folder, 0o777);
  return folder;
}

async function started(child: ChildProcess, folder: string, port: number): Promise<RealProxy> {
  const accessLog = join(folder, "access.log");
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (piece: Buffer) => (log += piece.toString()));
  const exited = once(child, "exit");
  await eventually("the proxy's start", async () => {
    if (child.exitCode !== null) throw new Error(`the proxy did not start: ${log}`);
    return answers(port);
  });
  return {
    url: `http://127.0.0.1:${port}`,
    log: async () => log + (await readFile(accessLog, "utf8").catch(() => "")),
    async close() {
      child.kill("SIGKILL");
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Tinyproxy, asking for this user and password. */
export async function startTinyproxy(user: string, password: string): Promise<RealProxy> {
  const [folder, port] = [await proxyFolder(), await freePort()];
  const config = [
    `Port ${port}`,
    "Listen 127.0.0.1",
    "Timeout 60",
    "MaxClients 50",
    "LogLevel Connect",
    `BasicAuth ${user} ${password}`,
  ];
  await writeFile(join(folder, "tinyproxy.conf"), `${config.join("\n")}\n`);
  const command = asNobody(programs.tinyproxy, ["-d", "-c", join(folder, "tinyproxy.conf")]);
  return started(spawn(...command, { stdio: ["ignore", "pipe", "pipe"] }), folder, port);
}

/** A private certificate authority, or what it signed. */
export interface Certificate {
  certFile: string;
  keyFile: string;
}

/** Makes an authority in a folder; the files may be read by everybody, since they are worth nothing. */
export async function makeAuthority(folder: string, name: string): Promise<Certificate> {
  const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
  const as = ["-subj", `/CN=${name}`, "-addext", "keyUsage=critical,keyCertSign,digitalSignature"];
  await run(programs.openssl, ["req", "-x509", "-days", "2", ...key, ...as, "-out", certFile]);
  await chmod(keyFile, 0o644);
  return { certFile, keyFile };
}

/** Makes a certificate for 127.0.0.1 that the authority signed. */
export async function makeServerCertificate(folder: string, authority: Certificate): Promise<Certificate> {
  const [certFile, keyFile] = [join(folder, "server.pem"), join(folder, "server.key")];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", keyFile];
  const by = ["-CA", authority.certFile, "-CAkey", authority.keyFile];
  const as = [
    "-subj",
    "/CN=127.0.0.1",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
    "-addext",
    "basicConstraints=CA:FALSE",
  ];
  await run(programs.openssl, ["req", "-x509", "-days", "2", ...key, ...by, ...as, "-out", certFile]);
  return { certFile, keyFile };
}

/** Squid, which opens every TLS connection and shows certificates of its own authority instead. */
export async function startInspectingSquid(inspector: Certificate, trusted: Certificate): Promise<RealProxy> {
  const [folder, port] = [await proxyFolder(), await freePort()];
  const database = join(folder, "certificates");
  await run(...asNobody(programs.certgen, ["-c", "-s", database, "-M", "4MB"]));
  const config = [
    `http_port 127.0.0.1:${port} ssl-bump generate-host-certificates=on cert=${inspector.certFile} key=${inspector.keyFile}`,
    `sslcrtd_program ${programs.certgen} -s ${database} -M 4MB`,
    "sslcrtd_children 1 startup=1 idle=1",
    "acl first at_step SslBump1",
    "ssl_bump peek first",
    "ssl_bump bump all",
    `tls_outgoing_options cafile=${trusted.certFile}`,
    "acl here src 127.0.0.1",
    "http_access allow here",
    "cache deny all",
    `access_log stdio:${join(folder, "access.log")}`,
    `cache_log ${join(folder, "cache.log")}`,
    `coredump_dir ${folder}`,
    "pid_filename none",
    "visible_hostname test",
    "shutdown_lifetime 0 seconds",
    "max_filedescriptors 1024",
  ];
  await writeFile(join(folder, "squid.conf"), `${config.join("\n")}\n`);
  const command = asNobody(programs.squid, ["-N", "-d", "1", "-f", join(folder, "squid.conf")]);
  return started(spawn(...command, { stdio: ["ignore", "pipe", "pipe"] }), folder, port);
}
