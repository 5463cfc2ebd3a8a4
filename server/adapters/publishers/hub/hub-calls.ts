import type * as Library from "@huggingface/hub";
import type { HubSettings } from "@simpletuner-cloud/contract/destinations.ts";
import type { OutboundService } from "../../outbound/outbound-http.ts";
import { serviceFetch } from "../../outbound/service-fetch.ts";
import type { HubAccountFacts } from "../hub-lookup.ts";
import { accountOf } from "./account.ts";
import { hubFailure } from "./failures.ts";
import { PublishedBlob } from "./published-blob.ts";

/** How the Hub is called. */
export interface HubCallOptions {
  /** Without a slash at its end. */
  hubUrl: string;
  token: string;
  http: OutboundService;
  /** For the addresses that the Hub's answers name; it connects to none that is not on the internet. */
  storageHttp: OutboundService;
}

/** A file of a commit; a text is small. */
export interface HubFile {
  path: string;
  content: PublishedBlob | Blob;
}

/** Told how a commit goes on. */
export interface CommitWatch {
  onSent: (body: PublishedBlob, bytes: number) => void;
  onStep: (event: Library.CommitProgressEvent) => void;
}

/** A file as it lies in a repository. */
export interface HubEntry {
  sizeBytes: number;
  /** SHA-256 of a file in the large-file storage, else SHA-1 of its git object. */
  sha256: string | null;
  gitSha1: string | null;
}

/** The calls of a delivery to the Hub, for one attempt. Failures are the contract's. Every call may be repeated. */
export function hubCalls(options: HubCallOptions, signal: AbortSignal) {
  const { hubUrl, token } = options;
  const call = async <Output>(
    words: string,
    owner: string | null,
    work: (library: typeof Library) => Promise<Output>,
  ): Promise<Output> => {
    signal.throwIfAborted();
    try {
      // Only servers that use it pay for loading it.
      return await work(await import("@huggingface/hub"));
    } catch (error) {
      signal.throwIfAborted();
      throw hubFailure(error, { words, owner }, hubUrl);
    }
  };
  const common = { hubUrl, accessToken: token, fetch: fetchOf(options, signal) };
  return {
    account: (): Promise<HubAccountFacts> =>
      call("the token", null, async ({ whoAmI }) => accountOf(await whoAmI(common))),
    /** Makes a model repository; false when there is one of that name. */
    create: (name: string, visibility: "private" | "public") =>
      call(`making the repository ${name}`, ownerOf(name), async ({ createRepo, HubApiError }) =>
        createRepo({ ...common, repo: modelRepo(name), visibility }).then(
          () => true,
          (error: unknown) => {
            if (error instanceof HubApiError && error.statusCode === 409) return false;
            throw error;
          },
        ),
      ),
    isPrivate: (name: string): Promise<boolean> =>
      call(
        `looking at the repository ${name}`,
        ownerOf(name),
        async ({ modelInfo }) => (await modelInfo({ ...common, name })).private,
      ),
    /** What a repository holds, by path. */
    entries: (name: string): Promise<Map<string, HubEntry>> =>
      call(`listing the repository ${name}`, ownerOf(name), async ({ listFiles }) => {
        const entries = new Map<string, HubEntry>();
        for await (const entry of listFiles({ ...common, repo: modelRepo(name), recursive: true }))
          if (entry.type === "file") entries.set(entry.path, entryOf(entry));
        return entries;
      }),
    /** Adds files in one commit; until then none of them is to be seen. */
    commit: (name: string, title: string, files: readonly HubFile[], watch: CommitWatch): Promise<void> =>
      call(`adding files to ${name}`, ownerOf(name), (library) =>
        commitFiles(library, options, { name, title, files, watch, signal }),
      ),
  };
}

/** See {@link hubCalls}. */
export type HubCalls = ReturnType<typeof hubCalls>;

interface HubCommit {
  name: string;
  title: string;
  files: readonly HubFile[];
  watch: CommitWatch;
  signal: AbortSignal;
}

async function commitFiles(
  { commitIter }: typeof Library,
  options: HubCallOptions,
  { name, title, files, watch, signal }: HubCommit,
): Promise<void> {
  const requests = new Set<Promise<unknown>>();
  const send = fetchOf(options, signal, watch.onSent);
  const commit = commitIter({
    hubUrl: options.hubUrl,
    accessToken: options.token,
    fetch: (...input) => followed(requests, send(...input)),
    repo: modelRepo(name),
    title,
    operations: files.map((file) => ({ operation: "addOrUpdate", ...file })),
    // Files go to the Hub's storage as they are: its own protocol would cut and hash them a second time here.
    useXet: false,
    // The smallest file that is hashed as it is read, and not held whole.
    useWebWorkers: { minSize: 1 },
    abortSignal: signal,
  });
  try {
    for (let step = await commit.next(); step.done !== true; step = await commit.next())
      watch.onStep(step.value);
  } finally {
    // One upload that failed does not wait for the others: nothing may be sent behind the delivery's back.
    await Promise.allSettled(requests);
  }
}

async function followed<Output>(requests: Set<Promise<unknown>>, request: Promise<Output>): Promise<Output> {
  requests.add(request);
  return request.finally(() => requests.delete(request));
}

function fetchOf(
  { hubUrl, token, http, storageHttp }: HubCallOptions,
  signal: AbortSignal,
  onSent?: CommitWatch["onSent"],
): typeof fetch {
  const hubOrigin = new URL(hubUrl).origin;
  const isOwn = ({ origin }: URL) => origin === hubOrigin;
  return serviceFetch({
    token,
    signal,
    isOwn,
    httpFor: (url) => (isOwn(url) ? http : storageHttp),
    ...(onSent && {
      onSent: (body, bytes) => {
        if (body instanceof PublishedBlob) onSent(body, bytes);
      },
    }),
  });
}

/** The account or organisation of `owner/name`. */
function ownerOf(name: string): string {
  return name.slice(0, name.indexOf("/"));
}

function modelRepo(name: string) {
  return { type: "model", name } as const;
}

function entryOf({ size, oid, lfs }: Library.ListFileEntry): HubEntry {
  return {
    sizeBytes: lfs?.size ?? size,
    sha256: lfs?.oid.replace(/^sha256:/, "") ?? null,
    gitSha1: lfs ? null : (oid ?? null),
  };
}

/** How the Hub is told who may read a repository that is made. */
export function visibilityOf({ private: isPrivate }: HubSettings): "private" | "public" {
  return isPrivate ? "private" : "public";
}
