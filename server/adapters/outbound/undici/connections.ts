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

/** {@link Connections} that others may not end until they are given back. */
export interface TakenConnections extends Connections {
  giveBack(): void;
}

interface OpenConnections {
  settings: OutboundConfig;
  dispatcher: Dispatcher;
  /** Calls that have them. */
  users: number;
}

/** What following does beside it. */
export interface FollowOptions {
  /** Decides over addresses that a user names. */
  guard?: AddressGuard | null;
  /** Told when the settings are not those of the last call any more, before the next goes out. */
  onChanged?: () => Promise<void>;
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
export function followConnections(
  network: () => Promise<OutboundConfig>,
  { guard = null, onChanged }: FollowOptions = {},
) {
  let current: OpenConnections | null = null;
  const open = new Set<Dispatcher>();
  const endUnused = (connections: OpenConnections): void => {
    if (connections === current || connections.users > 0) return;
    void connections.dispatcher
      .close()
      // They were destroyed meanwhile.
      .catch(() => undefined)
      .finally(() => open.delete(connections.dispatcher));
  };
  const replace = (settings: OutboundConfig): OpenConnections => {
    const old = current;
    current = { settings, dispatcher: openConnections(settings, guard), users: 0 };
    open.add(current.dispatcher);
    if (old) endUnused(old);
    return current;
  };
  return {
    /** Connections for one call, which must give them back when it is over. */
    async take(address: string): Promise<TakenConnections> {
      const settings = await network();
      if (guard) await admit(guard, address, settings);
      const isChanged = current !== null && !areSame(current.settings, settings);
      const taken = current === null || isChanged ? replace(settings) : current;
      taken.users++;
      if (isChanged) await onChanged?.();
      return {
        dispatcher: taken.dispatcher,
        timeoutMs: settings.timeoutMs,
        giveBack() {
          taken.users--;
          endUnused(taken);
        },
      };
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
