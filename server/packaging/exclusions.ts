import { createHash } from "node:crypto";

/** Why something inside a dataset folder is never packaged. */
export interface ExclusionRule {
  readonly id: string;
  /** Names of one path component, `*` standing for any characters, compared without regard to case. */
  readonly matches: readonly string[];
  /** One short clause for the person who reviews the plan. */
  readonly reason: string;
}

/**
 * Rules on the name of a file or folder at any depth; the first that matches names the reason. Sensitive files come
 * first so that the plan says "credentials" where a hidden file also holds some.
 */
export const exclusionRules: readonly ExclusionRule[] = [
  {
    id: "git",
    matches: [".git", ".gitattributes", ".gitignore", ".gitmodules", ".git-credentials", ".hg", ".svn"],
    reason: "version control data",
  },
  {
    id: "env-file",
    matches: [".env*", "*.env", "*.tfvars", "*.tfstate", "*.tfstate.*"],
    reason: "environment files hold secrets",
  },
  {
    id: "ssh",
    matches: [
      ".ssh",
      "id_rsa*",
      "id_dsa*",
      "id_ecdsa*",
      "id_ed25519*",
      "id_xmss*",
      "known_hosts*",
      "authorized_keys*",
      "*.ppk",
    ],
    reason: "SSH keys and hosts",
  },
  {
    id: "cloud-account",
    matches: [
      ".aws",
      ".azure",
      ".gcloud",
      ".kube",
      ".docker",
      ".boto",
      ".s3cfg",
      ".oci",
      "kubeconfig*",
      "application_default_credentials*",
      "service-account*.json",
      "service_account*.json",
      "serviceaccount*.json",
      "client_secret*",
      "gcloud*.json",
      "gcp-key*",
      "gcp_key*",
    ],
    reason: "cloud account credentials",
  },
  {
    id: "credentials",
    matches: [
      "credentials*",
      "*-credentials.json",
      "*_credentials.json",
      "secrets.*",
      ".netrc",
      "_netrc",
      ".npmrc",
      ".pypirc",
      ".pgpass",
      ".my.cnf",
      ".htpasswd",
      "htpasswd",
      "*.keytab",
      "*.ovpn",
      "wallet.dat",
    ],
    reason: "credentials",
  },
  {
    id: "key",
    matches: [
      "*.pem",
      "*.key",
      "*.crt",
      "*.cer",
      "*.der",
      "*.csr",
      "*.p7b",
      "*.p8",
      "*.p12",
      "*.pfx",
      "*.jks",
      "*.keystore",
      "*.agekey",
    ],
    reason: "key or certificate",
  },
  {
    id: "password-store",
    matches: [
      ".gnupg",
      ".password-store",
      "*.gpg",
      "*.pgp",
      "*.kdb",
      "*.kdbx",
      "*.1pux",
      "*.opvault",
      "*.keychain",
      "*.keychain-db",
    ],
    reason: "passwords or private keys",
  },
  { id: "settings-folder", matches: [".config", ".local"], reason: "personal settings" },
  {
    id: "cache",
    matches: ["__pycache__", "node_modules", ".venv", "venv", ".cache", ".ipynb_checkpoints"],
    reason: "cache or installed packages",
  },
  {
    id: "trainer-cache",
    matches: ["cache_dir*", "aspect_ratio_bucket_indices*.json", "aspect_ratio_bucket_metadata*.json"],
    reason: "the trainer makes it again, and it names folders of this machine",
  },
  {
    id: "system-file",
    matches: [
      "thumbs.db",
      "ehthumbs.db",
      "desktop.ini",
      ".ds_store",
      "$recycle.bin",
      "system volume information",
      "__macosx",
      "lost+found",
    ],
    reason: "made by the operating system",
  },
  { id: "hidden", matches: [".*"], reason: "hidden file or folder" },
];

/** Reasons that come from what a path is rather than from its name. */
export const pathRules = {
  "link-outside": "a link that leaves the dataset folder",
  "link-broken": "a link to nothing",
  "link-loop": "a link that leads back to itself",
  "link-to-folder": "a link to a folder of this dataset, which is packaged where it really lies",
  "link-to-excluded": "a link to something that is itself excluded",
  "special-file": "not a regular file (socket, pipe or device)",
  "name-not-utf8": "its name is not valid UTF-8, rename it to include it",
  "configured-cache": "a cache folder of this configuration",
  "server-private": "this server's own data",
} as const satisfies Record<string, string>;

/** Id of a rule of {@link pathRules}. */
export type PathRule = keyof typeof pathRules;

/** Changes whenever a rule does, so that a fingerprint made under other rules is never taken as equal. */
export const exclusionRulesVersion: string = createHash("sha256")
  .update(JSON.stringify([exclusionRules, pathRules]))
  .digest("hex")
  .slice(0, 16);

const compiled = exclusionRules.map((rule) => ({ rule, pattern: patternOf(rule.matches) }));
const anyRule = patternOf(exclusionRules.flatMap((rule) => rule.matches));

/** The first rule that excludes a file or folder called `name`, or undefined when it may be packaged. */
export function exclusionFor(name: string): ExclusionRule | undefined {
  if (!anyRule.test(name)) return undefined;
  return compiled.find(({ pattern }) => pattern.test(name))?.rule;
}

function patternOf(matches: readonly string[]): RegExp {
  const sources = matches.map((match) =>
    match.replace(/[.*+?^${}()|[\]\\]/g, (char) => (char === "*" ? "[^]*" : `\\${char}`)),
  );
  return new RegExp(`^(?:${sources.join("|")})$`, "iu");
}
