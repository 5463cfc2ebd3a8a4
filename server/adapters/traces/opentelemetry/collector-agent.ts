import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { getCACertificates } from "node:tls";
import type { OutboundConfig } from "../../../config/outbound.ts";

/** Connections to the collector, with the proxy and the certificates that all calls of this server go out with. */
export function collectorAgent({ httpProxy, httpsProxy, noProxy, caBundle, verifyTls }: OutboundConfig) {
  const https = httpsProxy ?? httpProxy;
  const proxyEnv = {
    ...(httpProxy !== null && { HTTP_PROXY: httpProxy }),
    ...(https !== null && { HTTPS_PROXY: https }),
    ...(noProxy !== null && { NO_PROXY: noProxy }),
  };
  const shared = { keepAlive: true, proxyEnv };
  let agent: HttpAgent | null = null;
  return {
    forProtocol(protocol: string): HttpAgent {
      agent ??=
        protocol === "https:"
          ? new HttpsAgent({
              ...shared,
              rejectUnauthorized: verifyTls,
              ...(caBundle !== null && { ca: [...getCACertificates("default"), caBundle] }),
            })
          : new HttpAgent(shared);
      return agent;
    },
    /** Ends the connections; what is under way on them fails. */
    destroy(): void {
      agent?.destroy();
    },
  };
}
