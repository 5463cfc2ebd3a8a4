import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { createSecureContext } from "node:tls";
import { X509Certificate } from "node:crypto";
import type { Logger } from "pino";
import type { TlsConfig } from "./config/tls.ts";
import { StartError } from "./config/values.ts";

/** A certificate with its key, checked to fit each other. */
export interface Certificate {
  cert: string;
  key: string;
  /** Epoch milliseconds. */
  expiresAtMs: number;
}

/** How often the files are looked at; a renewal replaces them weeks before the old ones end. */
const lookEveryMs = 1_000;

/** Reads the certificate; throws {@link StartError} naming the file and what is wrong with it. */
export function readCertificate({ certFile, keyFile }: TlsConfig): Certificate {
  const read = (path: string, variable: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new StartError(`${variable}: ${path} cannot be read (${code}).`, { cause: error });
    }
  };
  const cert = read(certFile, "SIMPLETUNER_SSL_CERT");
  const key = read(keyFile, "SIMPLETUNER_SSL_KEY");
  try {
    createSecureContext({ cert, key });
    return { cert, key, expiresAtMs: Date.parse(new X509Certificate(cert).validTo) };
  } catch (error) {
    throw new StartError(
      `SIMPLETUNER_SSL_CERT and SIMPLETUNER_SSL_KEY: ${certFile} and ${keyFile} are not a certificate and its key in PEM (${(error as Error).message}).`,
      { cause: error },
    );
  }
}

/**
 * Hands over the certificate whenever its files have changed. A renewal writes two files, and one may be read before the
 * other: what does not fit is told in the log and read again at the next look. Answers the function that ends it.
 */
export function followCertificate(
  config: TlsConfig,
  log: Pick<Logger, "info" | "warn">,
  onChanged: (certificate: Certificate) => void,
): () => void {
  const look = (): void => {
    try {
      const certificate = readCertificate(config);
      onChanged(certificate);
      log.info(
        { expires: new Date(certificate.expiresAtMs).toISOString() },
        "took up the renewed certificate",
      );
    } catch (error) {
      log.warn({ err: error }, "the changed certificate cannot be used, keeping the old one");
    }
  };
  const files = [config.certFile, config.keyFile];
  for (const file of files) watchFile(file, { interval: lookEveryMs, persistent: false }, look);
  return () => {
    for (const file of files) unwatchFile(file, look);
  };
}
