import { readFileSync } from "node:fs";
import { rangesIn } from "./address-ranges.ts";
import { integerOf, oneOf, StartError } from "./values.ts";

/** Settings of every call to a service outside (CONTRACT 5.2). */
export interface OutboundConfig {
  /** HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in capitals or small letters; null without. */
  httpsProxy: string | null;
  httpProxy: string | null;
  noProxy: string | null;
  /** SIMPLETUNER_CA_BUNDLE: certificates in PEM to trust beside those that Node knows, and the file they are from. */
  caBundle: string | null;
  caBundlePath: string | null;
  /** SIMPLETUNER_SSL_VERIFY, default true. */
  verifyTls: boolean;
  /** SIMPLETUNER_HTTP_TIMEOUT in seconds, default 30: so long a service may be silent. */
  timeoutMs: number;
  /** SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES: what addresses that users name may lead to beside the internet; default nothing. */
  allowedAddresses: AllowedAddresses;
}

/** Reads {@link OutboundConfig}. */
export function outboundOf(env: NodeJS.ProcessEnv): OutboundConfig {
  return {
    httpsProxy: proxyOf(env, "HTTPS_PROXY"),
    httpProxy: proxyOf(env, "HTTP_PROXY"),
    noProxy: env["NO_PROXY"] || env["no_proxy"] || null,
    caBundle: caBundleOf(env["SIMPLETUNER_CA_BUNDLE"]),
    caBundlePath: env["SIMPLETUNER_CA_BUNDLE"] || null,
    verifyTls: oneOf(env, "SIMPLETUNER_SSL_VERIFY", ["true", "false"], "true") === "true",
    timeoutMs: integerOf(env, "SIMPLETUNER_HTTP_TIMEOUT", 30, 1, 3_600) * 1_000,
    allowedAddresses: allowedAddressesOf(env["SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES"]),
  };
}

/** Addresses that are not public and may be called all the same. */
export interface AllowedAddresses {
  /** This machine and private networks; not link-local addresses, where clouds tell credentials. */
  everyPrivate: boolean;
  /** Addresses and ranges of any kind. */
  ranges: readonly string[];
}

/** `true`, `false`, or addresses and ranges separated by commas. */
function allowedAddressesOf(text: string | undefined): AllowedAddresses {
  const word = text?.trim().toLowerCase() ?? "";
  if (word === "" || word === "false") return { everyPrivate: false, ranges: [] };
  if (word === "true") return { everyPrivate: true, ranges: [] };
  const ranges = rangesIn(word, "SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES", "neither true nor");
  return { everyPrivate: false, ranges };
}

/** The address is not repeated in the error: it may hold a password. */
function proxyOf(env: NodeJS.ProcessEnv, name: string): string | null {
  const text = env[name] || env[name.toLowerCase()];
  if (!text) return null;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new StartError(`${name}: this is not an address of the form http://host:port.`);
  return text;
}

function caBundleOf(path: string | undefined): string | null {
  if (!path) return null;
  try {
    const text = readFileSync(path, "utf8");
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(`SIMPLETUNER_CA_BUNDLE: ${path} cannot be read (${code}).`, { cause: error });
  }
  throw new StartError(`SIMPLETUNER_CA_BUNDLE: ${path} holds no certificate in PEM form.`);
}
