import { isSecretField } from "./sealed-secret.ts";

/** Shorter values are words that a text may hold by chance. */
const shortestHidden = 8;
/** What stands in the place of a secret. */
const blot = "***";

const hidden = new Set<string>();
let anyHidden: RegExp | null = null;

/** From here on no log line of this process holds the value. */
export function hideValue(value: string): void {
  if (value.length < shortestHidden || hidden.has(value)) return;
  hidden.add(value);
  // Also as it stands in JSON and in a URL.
  const forms = [...hidden].flatMap((each) => [
    each,
    JSON.stringify(each).slice(1, -1),
    encodeURIComponent(each),
  ]);
  const longestFirst = [...new Set(forms)].sort((left, right) => right.length - left.length);
  anyHidden = new RegExp(longestFirst.map((form) => RegExp.escape(form)).join("|"), "g");
}

/** Hides the values of all variables that are called like secrets. */
export function hideSecretsOf(env: NodeJS.ProcessEnv): void {
  for (const [name, value] of Object.entries(env))
    if (value && (isSecretName(name) || /PASS(WORD|WD)?$|CREDENTIAL_KEY$|AUDIT_KEY$/.test(name)))
      for (const part of value.split(/[\s,]+/)) hideValue(part);
}

/** Forms of secrets, whoever they belong to. */
const forms: readonly (readonly [RegExp, string])[] = [
  // Tokens of Replicate and the Hugging Face Hub, API keys of this server, JSON Web Tokens.
  [/\b(?:r8|hf|st)_[A-Za-z0-9_]{16,}/g, blot],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, blot],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${blot}`],
  // The password of a URL, and parameters that let somebody in.
  [/(:\/\/[^\s:/?#@"\\]*):[^\s/?#@"\\]+@/g, `$1:${blot}@`],
  [
    /([?&](?:[\w-]*(?:token|secret|password|signature|api_key|apikey)|X-Amz-(?:Signature|Credential|Security-Token))=)[^&\s"'\\#]+/gi,
    `$1${blot}`,
  ],
];

/** A text without the secrets in it. */
export function withoutHidden(text: string): string {
  let shown = anyHidden === null ? text : text.replace(anyHidden, blot);
  for (const [form, instead] of forms) shown = shown.replace(form, instead);
  return shown;
}

/** A value of a log line without what its names call a secret, as deep as a log line goes. */
export function withoutSecretFields(value: unknown, depth = 0): unknown {
  if (value === null || typeof value !== "object") return value;
  if (depth === 8) return "…";
  if (Array.isArray(value)) return value.slice(0, 100).map((item) => withoutSecretFields(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      isSecretName(name) && item !== null && item !== undefined && item !== ""
        ? blot
        : withoutSecretFields(item, depth + 1),
    ]),
  );
}

function isSecretName(name: string): boolean {
  const plain = name.replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2").replaceAll("-", "_");
  return (
    isSecretField(plain) || /(^|_)(authorization|cookie|credentials?|signature|passphrase|csrf)$/i.test(plain)
  );
}
