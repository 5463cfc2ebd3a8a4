import { StartError } from "./values.ts";

/** The server's own certificate; both files are read again when they change, as a renewal makes them. */
export interface TlsConfig {
  /** SIMPLETUNER_SSL_CERT: the certificate with its chain, in PEM. */
  certFile: string;
  /** SIMPLETUNER_SSL_KEY: its private key, in PEM. */
  keyFile: string;
}

/** Reads {@link TlsConfig}; null: the server speaks plain HTTP. */
export function tlsOf(env: NodeJS.ProcessEnv): TlsConfig | null {
  const certFile = env["SIMPLETUNER_SSL_CERT"];
  const keyFile = env["SIMPLETUNER_SSL_KEY"];
  if (!certFile && !keyFile) return null;
  if (!certFile || !keyFile)
    throw new StartError("SIMPLETUNER_SSL_CERT and SIMPLETUNER_SSL_KEY: set both or neither.");
  return { certFile, keyFile };
}
