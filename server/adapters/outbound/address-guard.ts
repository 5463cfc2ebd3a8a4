import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { addressKind, addressMatcher } from "../../domain/address-ranges.ts";

/** Which addresses that are not public may be called all the same. */
export interface AllowedAddresses {
  /** This machine and private networks; not link-local addresses, where clouds tell credentials. */
  everyPrivate: boolean;
  /** Addresses and ranges of any kind. */
  ranges: readonly string[];
}

/** An address was refused before anything was sent to it. */
export class AddressRefused extends Error {
  readonly code = "ERR_ADDRESS_REFUSED";

  constructor(host: string) {
    super(`${host} leads to an address that is not public`);
    this.name = "AddressRefused";
  }
}

/** Decides over addresses that somebody named. */
export interface AddressGuard {
  /** Throws {@link AddressRefused} for a host that is itself an address, or a name of this network only. */
  checkHost(hostname: string): void;
  /** Resolves a name for a connection: all of its addresses must be allowed, or none is tried. */
  lookup: LookupFunction;
  /** The same as a question, for calls whose proxy resolves by itself; a name unknown here is the proxy's business. */
  checkName(hostname: string): Promise<void>;
}

/** Makes the guard; `resolve` is the system's resolver unless a test stands in for it. */
export function addressGuard(
  allowed: AllowedAddresses,
  resolve: typeof systemLookup = systemLookup,
): AddressGuard {
  const isListed = addressMatcher(allowed.ranges);
  const isAllowed = (address: string): boolean => {
    const kind = addressKind(address);
    return kind === "public" || (kind === "private" && allowed.everyPrivate) || isListed(address);
  };
  const checkHost = (hostname: string): void => {
    const host = hostname.replace(/^\[|\]$/g, "");
    if (isIP(host) !== 0 && !isAllowed(host)) throw new AddressRefused(hostname);
  };
  const lookup: LookupFunction = (hostname, options, callback) =>
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, "");
      // A name that leads to both kinds is a trick: which of them is tried is not for its owner to say.
      if (!addresses.every(({ address }) => isAllowed(address)))
        return callback(new AddressRefused(hostname), "");
      const [first] = addresses;
      if (options.all === true) callback(null, addresses);
      else callback(null, first?.address ?? "", first?.family);
    });
  return {
    checkHost,
    lookup,
    async checkName(hostname) {
      checkHost(hostname);
      if (isIP(hostname.replace(/^\[|\]$/g, "")) !== 0) return;
      const error = await new Promise<NodeJS.ErrnoException | null>((done) =>
        lookup(hostname, {}, (problem) => done(problem)),
      );
      if (error === null) return;
      if (!/^(ENOTFOUND|EAI_AGAIN|ENODATA)$/.test(error.code ?? "")) throw error;
      // A name of one word, or of a zone that no public server answers for, is one of the proxy's own network.
      if (!isPublicName(hostname)) throw new AddressRefused(hostname);
    },
  };
}

/**
 * Whether a host is on this machine or in a private network by its name alone, so that what is sent to it stays with
 * whoever runs the server.
 */
export function isOfOwnNetwork(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  return isIP(host) === 0 ? !isPublicName(host) : addressKind(host) === "private";
}

/** False for names that only a private network gives (RFC 6761, 6762, 8375, and ICANN's `internal`). */
function isPublicName(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  return name.includes(".") && !/\.(localhost|local|internal|intranet|lan|home|corp|home\.arpa)$/.test(name);
}
