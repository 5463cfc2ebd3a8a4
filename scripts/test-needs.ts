import { spawnSync } from "node:child_process";
import { accessSync, closeSync, constants, openSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** A program that some tests need, the variable that tells them its path, and the Debian package that has it. */
interface Need {
  readonly name: string;
  readonly variable: string;
  readonly programs: readonly string[];
  readonly debianPackage: string;
  /** A program of that name which does not do is passed over; default: every one does. */
  readonly does?: (path: string) => boolean;
  /** False where not even the right program could work, so that none is installed. */
  readonly isPossible?: () => boolean;
}

const needs: readonly Need[] = [
  {
    name: "Chromium",
    variable: "TEST_CHROMIUM",
    programs: ["chromium", "chromium-browser", "google-chrome"],
    debianPackage: "chromium",
  },
  { name: "openssl", variable: "TEST_OPENSSL", programs: ["openssl"], debianPackage: "openssl" },
  { name: "sqlite3", variable: "TEST_SQLITE3", programs: ["sqlite3"], debianPackage: "sqlite3" },
  { name: "the AWS CLI", variable: "TEST_AWS", programs: ["aws"], debianPackage: "awscli" },
  {
    name: "the distribution's AWS CLI",
    variable: "TEST_SYSTEM_AWS",
    programs: ["/usr/bin/aws"],
    debianPackage: "awscli",
  },
  {
    name: "PostgreSQL",
    variable: "TEST_POSTGRES_INITDB",
    programs: ["18", "17", "16", "15", "14"].map((version) => `/usr/lib/postgresql/${version}/bin/initdb`),
    debianPackage: "postgresql",
  },
  {
    name: "MariaDB",
    variable: "TEST_MARIADB",
    programs: ["/usr/sbin/mariadbd"],
    debianPackage: "mariadb-server",
  },
  { name: "nginx", variable: "TEST_NGINX", programs: ["nginx", "/usr/sbin/nginx"], debianPackage: "nginx" },
  { name: "Redis", variable: "TEST_REDIS", programs: ["redis-server"], debianPackage: "redis-server" },
  { name: "Prometheus", variable: "TEST_PROMETHEUS", programs: ["prometheus"], debianPackage: "prometheus" },
  { name: "rclone", variable: "TEST_RCLONE", programs: ["rclone"], debianPackage: "rclone" },
  { name: "s3cmd", variable: "TEST_S3CMD", programs: ["s3cmd"], debianPackage: "s3cmd" },
  {
    name: "python3 with boto3",
    variable: "TEST_BOTO3_PYTHON",
    programs: ["python3"],
    debianPackage: "python3-boto3",
    does: hasModule("boto3"),
  },
  {
    name: "the distribution's python3 with boto3",
    variable: "TEST_SYSTEM_BOTO3_PYTHON",
    programs: ["/usr/bin/python3"],
    debianPackage: "python3-boto3",
    does: hasModule("boto3"),
  },
  {
    name: "python3 with s3fs",
    variable: "TEST_S3FS_PYTHON",
    programs: ["python3", "/usr/bin/python3"],
    debianPackage: "python3-s3fs",
    does: hasModule("s3fs"),
  },
  {
    name: "tinyproxy",
    variable: "TEST_TINYPROXY",
    programs: ["tinyproxy"],
    debianPackage: "tinyproxy",
  },
  {
    name: "squid with TLS inspection",
    variable: "TEST_SQUID",
    programs: ["squid", "/usr/sbin/squid"],
    debianPackage: "squid-openssl",
    does: (path) => succeeds("sh", "-c", `"${path}" -v | grep -q -- --with-openssl`),
  },
  {
    name: "moto",
    variable: "TEST_MOTO",
    programs: ["moto_server"],
    debianPackage: "python3-moto",
    does: (path) => succeeds(path, "--help"),
  },
  {
    name: "curl with --aws-sigv4",
    variable: "TEST_CURL",
    programs: ["curl"],
    debianPackage: "curl",
    does: (path) => succeeds(path, "--aws-sigv4", "aws:amz", "--version"),
  },
  {
    name: "s3fs with /dev/fuse",
    variable: "TEST_S3FS",
    programs: ["s3fs"],
    debianPackage: "s3fs",
    isPossible: canMount,
  },
];

/**
 * The variables that tell tests where the programs they need are: from the environment, else found on PATH, else
 * installed (as root, with apt, all at once). A program that cannot be had is left out and told by name; its tests
 * skip.
 */
export function testNeeds(env: NodeJS.ProcessEnv): Record<string, string> {
  const found: Record<string, string> = {};
  const possible = needs.filter((need) => need.isPossible?.() !== false);
  for (const need of possible) take(found, need, env);
  const missing = possible.filter(({ variable }) => found[variable] === undefined);
  if (missing.length > 0 && mayInstall(env)) {
    apt("update", "-qq");
    // One package that this distribution does not have would keep apt from installing the others.
    const packages = missing
      .map(({ debianPackage }) => debianPackage)
      .filter((name) => succeeds("apt-cache", "show", name));
    if (packages.length > 0) {
      console.log(`Installing ${packages.join(", ")} (tests need them) …`);
      apt("install", "-y", "-qq", "--no-install-recommends", ...packages);
    }
    for (const need of missing) take(found, need, env);
  }
  for (const { name, variable } of needs)
    if (found[variable] === undefined)
      console.log(`${name} was not found and could not be installed: tests that need it are skipped.`);
  return found;
}

function take(found: Record<string, string>, need: Need, env: NodeJS.ProcessEnv): void {
  const path = env[need.variable] || findProgram(need, env);
  if (path) found[need.variable] = path;
}

/** Path of the first program that may be run and does: on PATH, or where a whole path was named. */
function findProgram({ programs, does }: Pick<Need, "programs" | "does">, env: NodeJS.ProcessEnv) {
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  return programs
    .flatMap((name) => (isAbsolute(name) ? name : folders.map((folder) => join(folder, name))))
    .find((path) => isRunnable(path) && (does === undefined || does(path)));
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function succeeds(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore", timeout: 30_000 }).status === 0;
}

function hasModule(name: string): (python: string) => boolean {
  const script = `import importlib.util as u,sys; sys.exit(not u.find_spec('${name}'))`;
  return (python) => succeeds(python, "-c", script);
}

/** True where this user may mount file systems of its own: containers often have no such device. */
function canMount(): boolean {
  try {
    closeSync(openSync("/dev/fuse", "r+"));
    return true;
  } catch {
    return false;
  }
}

function mayInstall(env: NodeJS.ProcessEnv): boolean {
  return process.getuid?.() === 0 && findProgram({ programs: ["apt-get"] }, env) !== undefined;
}

function apt(...args: string[]): void {
  spawnSync("apt-get", args, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    timeout: 10 * 60_000,
  });
}
