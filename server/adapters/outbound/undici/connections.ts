import { getCACertificates } from "node:tls";
import { type Dispatcher, EnvHttpProxyAgent } from "undici";
import type { AddressGuard } from "../address-guard.ts";
import type { OutboundConfig } from "../../../config/outbound.ts";
import { asOutboundError } from "./send-request.ts";

/** Connections for one call. */
export interface Connections {
  dispatcher: Dispatcher;
  timeoutMs: number;
}

/** Decides over the address of a call that somebody named, when it is called by itself and when through a proxy. */
async function admit(guard: AddressGuard, address: string, settings: OutboundConfig): Promise<void> {
  const { host, hostname, protocol } = new URL(address);
  const proxy = protocol === "https:" ? (settings.httpsProxy ?? settings.httpProxy) : settings.httpProxy;
  try {
    guard.checkHost(hostname);
    // A proxy connects by itself, to wherever the name leads it.
    if (proxy !== null) await guard.checkName(hostname);
  } catch (error) {
    throw asOutboundError(host, error);
  }
}

/**
 * Connections that follow the network settings of each call: when these have changed, new ones are made, and the old
 * ones end with the calls that use them. With a guard, only to addresses that it allows.
 */
export function followConnections(network: () => Promise<OutboundConfig>, guard: AddressGuard | null = null) {
  let current: { settings: OutboundConfig; dispatcher: Dispatcher } | null = null;
  const open = new Set<Dispatcher>();
  const retire = (dispatcher: Dispatcher): void => {
    // A caller that has them in hand sends at once; after that they wait for its answer.
    setImmediate(() => void dispatcher.close().finally(() => open.delete(dispatcher)));
  };
  return {
    async forCall(address: string): Promise<Connections> {
      const settings = await network();
      if (guard) await admit(guard, address, settings);
      if (current === null || !areSame(current.settings, settings)) {
        if (current) retire(current.dispatcher);
        current = { settings, dispatcher: openConnections(settings, guard) };
        open.add(current.dispatcher);
      }
      return { dispatcher: current.dispatcher, timeoutMs: settings.timeoutMs };
    },
    /** Ends all of them; calls under way fail. */
    async destroy(): Promise<void> {
      await Promise.all([...open].map((dispatcher) => dispatcher.destroy()));
    },
  };
}

/** See {@link followConnections}. */
export type FollowedConnections = ReturnType<typeof followConnections>;

function areSame(left: OutboundConfig, right: OutboundConfig): boolean {
  return (Object.keys(left) as (keyof OutboundConfig)[]).every((name) => left[name] === right[name]);
}

function openConnections(settings: OutboundConfig, guard: AddressGuard | null): EnvHttpProxyAgent {
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
    connect: { ...tls, timeout: settings.timeoutMs, ...(guard && { lookup: guard.lookup }) },
    requestTls: tls,
    proxyTls: tls,
    headersTimeout: settings.timeoutMs,
    bodyTimeout: settings.timeoutMs,
  });
}
