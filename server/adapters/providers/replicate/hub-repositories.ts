import type { OutboundService } from "../../outbound/outbound-http.ts";
import { serviceFetch } from "../../outbound/service-fetch.ts";
import { HubError } from "./failures.ts";

/** A file to put into a repository. */
export interface HubFile {
  path: string;
  content: Blob;
}

/** What repositories need. */
export interface HubOptions {
  http: OutboundService;
  /** Without a slash at its end. */
  hubUrl: string;
  token: string;
}

/** What every call takes. */
export interface HubCall {
  signal?: AbortSignal;
  correlationId?: string;
}

/**
 * Dataset repositories of the token's account. Throws {@link HubError} for the Hub's refusals and `OutboundError` when no
 * answer came. Every call may be repeated.
 */
export function hubRepositories(options: HubOptions) {
  const common = (call: HubCall) => commonOf(options, call);
  return {
    /** The name of the token's account. */
    async account(call: HubCall): Promise<string> {
      const { whoAmI } = await library();
      return told(options, async () => (await whoAmI(common(call))).name);
    },
    /** Makes a private repository; one that is there already is as good. */
    async create(name: string, call: HubCall): Promise<void> {
      const { createRepo } = await library();
      await told(options, () =>
        createRepo({ ...common(call), repo: dataset(name), visibility: "private" }),
      ).catch((error: unknown) => {
        if (!(error instanceof HubError) || error.status !== 409) throw error;
      });
    },
    /** Paths of the files that a repository holds. */
    async paths(name: string, call: HubCall): Promise<Set<string>> {
      const { listFiles } = await library();
      return told(options, async () => {
        const paths = new Set<string>();
        for await (const { path } of listFiles({ ...common(call), repo: dataset(name), recursive: true }))
          paths.add(path);
        return paths;
      });
    },
    /** Adds files in one commit and answers its id; `onSent` is told of each file that has arrived. */
    commit: (name: string, files: readonly HubFile[], onSent: (path: string) => void, call: HubCall) =>
      commitFiles(options, name, files, onSent, call),
    /** Harmless when there is none. */
    async remove(name: string, call: HubCall): Promise<void> {
      const { deleteRepo } = await library();
      await told(options, () => deleteRepo({ ...common(call), repo: dataset(name) })).catch(
        (error: unknown) => {
          if (!(error instanceof HubError) || error.status !== 404) throw error;
        },
      );
    },
  };
}

/** See {@link hubRepositories}. */
export type HubRepositories = ReturnType<typeof hubRepositories>;

function commonOf(options: HubOptions, call: HubCall) {
  const { http, hubUrl, token } = options;
  const isOwn = ({ origin }: URL) => origin === new URL(hubUrl).origin;
  const fetch = serviceFetch({ ...call, token, isOwn, httpFor: () => http });
  return { hubUrl, accessToken: token, fetch };
}

async function commitFiles(
  options: HubOptions,
  name: string,
  files: readonly HubFile[],
  onSent: (path: string) => void,
  call: HubCall,
): Promise<string> {
  const { commitIter } = await library();
  return told(options, async () => {
    const commit = commitIter({
      ...commonOf(options, call),
      repo: dataset(name),
      title: "Add a dataset of a training run",
      operations: files.map((file) => ({ operation: "addOrUpdate", ...file })),
      // Its hashing and its own upload hosts cost more than they save on files that are sent once.
      useXet: false,
      ...(call.signal && { abortSignal: call.signal }),
    });
    for (;;) {
      const step = await commit.next();
      if (step.done === true) return step.value?.commit.oid ?? "main";
      const { value } = step;
      if (value.event === "fileProgress" && value.state === "uploading" && value.progress === 1)
        onSent(value.path);
    }
  });
}

function dataset(name: string) {
  return { type: "dataset", name } as const;
}

/** Only servers that use it pay for loading it. */
async function library() {
  return import("@huggingface/hub");
}

/** Runs a call and tells what the library throws in this folder's own errors, without the token. */
async function told<Result>({ token }: HubOptions, work: () => Promise<Result>): Promise<Result> {
  const { HubApiError } = await library();
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof HubApiError)) throw error;
    throw new HubError(error.statusCode, error.message.replaceAll(token, "***").slice(0, 300));
  }
}
