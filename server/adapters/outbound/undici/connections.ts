import { getCACertificates } from "node:tls";
import { EnvHttpProxyAgent } from "undici";
import type { OutboundConfig } from "../../../config/outbound.ts";

/** Connections that follow the network settings; `close` ends those that are idle. */
export function openConnections(settings: OutboundConfig): EnvHttpProxyAgent {
  const tls = {
    rejectUnauthorized: settings.verifyTls,
    ...(settings.caBundle !== null && { ca: [...getCACertificates("default"), settings.caBundle] }),
  };
  return new EnvHttpProxyAgent({
    // An empty text and not undefined: that would have undici read the process's own environment.
    httpProxy: settings.httpProxy ?? "",
    httpsProxy: settings.httpsProxy ?? "",
    noProxy: settings.noProxy ?? "",
    // A CONNECT for plain http is what many company proxies refuse.
    proxyTunnel: false,
    allowH2: false,
    connect: { ...tls, timeout: settings.timeoutMs },
    requestTls: tls,
    proxyTls: tls,
    headersTimeout: settings.timeoutMs,
    bodyTimeout: settings.timeoutMs,
  });
}
