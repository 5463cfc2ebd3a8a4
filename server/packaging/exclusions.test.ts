import assert from "node:assert/strict";
import { test } from "node:test";
import { exclusionFor, exclusionRules } from "./exclusions.ts";

const excluded: Record<string, readonly string[]> = {
  git: [".git", ".GIT", ".gitignore"],
  "env-file": [".env", ".ENV", ".env.production", "prod.env", "Prod.Env"],
  ssh: [
    ".ssh",
    "id_rsa",
    "ID_RSA.pub",
    "id_ed25519.bak",
    "id_ecdsa",
    "id_dsa",
    "known_hosts",
    "known_hosts.old",
  ],
  "cloud-account": [
    ".aws",
    ".azure",
    "service-account.json",
    "Service_Account-prod.json",
    "application_default_credentials.json",
  ],
  credentials: [
    "credentials",
    "credentials.json",
    "Credentials (copy).csv",
    "my-credentials.json",
    ".netrc",
    ".npmrc",
    ".pypirc",
    "client.ovpn",
  ],
  key: ["server.pem", "SERVER.KEY", "a.crt", "a.p12", "a.pfx", "a.jks", "a.keystore"],
  "password-store": [".gnupg", "passwords.kdbx", "backup.gpg"],
  "settings-folder": [".config", ".local"],
  cache: ["__pycache__", "node_modules", ".venv", "venv", ".cache", ".ipynb_checkpoints"],
  "trainer-cache": ["cache_dir", "cache_dir_vae", "cache_dir-512", "aspect_ratio_bucket_indices_cats.json"],
  "system-file": ["Thumbs.db", "thumbs.DB", "desktop.ini", ".DS_Store", "__MACOSX"],
  hidden: [".hidden", ".a.jpg", "..."],
};

for (const [rule, names] of Object.entries(excluded)) {
  test(`the rule ${rule} excludes ${names.join(", ")}`, () => {
    for (const name of names) assert.equal(exclusionFor(name)?.id, rule, name);
  });
}

test("ordinary dataset names are packaged", () => {
  const names = [
    "a.jpg",
    "keyboard.png",
    "env.txt",
    "gitar.webp",
    "venv.jpg",
    "tokenizer.json",
    "my_id_rsa.jpg",
    "cachet.txt",
    "a.key.jpg",
    "ключ.png",
    "pem",
    "metadata.jsonl",
    "environment",
    "credit.txt",
  ];
  for (const name of names) assert.equal(exclusionFor(name), undefined, name);
});

test("every rule has a test above, an id of its own and lower-case patterns", () => {
  assert.deepEqual(
    exclusionRules.map((rule) => rule.id),
    Object.keys(excluded),
  );
  for (const match of exclusionRules.flatMap((rule) => rule.matches))
    assert.equal(match, match.toLowerCase());
});
