import { createHash } from "node:crypto";
import type { HubSettings, TestStep } from "@simpletuner-cloud/contract/destinations.ts";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import { hubRepositoryName } from "../../../domain/delivery-names.ts";
import type { Keeping, Publication, PublishedFile, Publisher, PublishWatch } from "../publisher.ts";
import { hubName } from "./failures.ts";
import { type HubCallOptions, type HubCalls, hubCalls, type HubEntry, visibilityOf } from "./hub-calls.ts";
import { sendFiles } from "./send-files.ts";

/** What the publisher needs. */
export interface HubPublisherOptions extends Omit<HubCallOptions, "token"> {
  settings: HubSettings;
  /** Null: there is none. */
  token: string | null;
}

const cardPath = "README.md";

/**
 * Delivers to a model repository of the Hugging Face Hub, one for each job. A file that is in the repository, or in its
 * storage from an attempt that was broken off, is not sent again.
 */
export function hubPublisher(options: HubPublisherOptions): Publisher {
  const { settings, hubUrl } = options;
  return {
    test: (signal) => trial(options, signal),
    async publish(publication, keeping, watch, signal) {
      const calls = hubCalls({ ...options, token: tokenOf(options) }, signal);
      const repository = await repositoryOf(settings, hubUrl, calls, publication, keeping);
      const files = withCard(publication);
      const there = await calls.entries(repository);
      const told = withoutCard(watch);
      const missing = await missingFiles(files, there, told, signal);
      if (missing.length > 0) {
        await sendFiles({ calls, repository, watch: told, title: `Add ${publication.job.name}` }, missing);
        await confirm(calls, hubName(hubUrl), repository, files);
      }
      return { target: repository, url: `${hubUrl}/${repository}` };
    },
  };
}

/** Throws `destination_refused` without a token that could be one of the Hub. */
export function tokenOf({ token, hubUrl }: { token: string | null; hubUrl: string }): string {
  if (token?.startsWith("hf_") === true) return token;
  throw fail("destination_refused", {
    place: hubName(hubUrl),
    action: "a delivery",
    reason: token === null ? "there is no token" : "its tokens begin with hf_",
    advice: "Enter a token with the role write for the destination, or set HF_TOKEN.",
  });
}

/**
 * The job's repository, there and fit to be written to. Its name is remembered before it is made, so that whatever the
 * pattern becomes later, a job keeps the repository it has.
 */
async function repositoryOf(
  settings: HubSettings,
  hubUrl: string,
  calls: HubCalls,
  { job }: Publication,
  keeping: Keeping,
): Promise<string> {
  const account = await calls.account();
  const owner = settings.owner ?? account.name;
  const problem = account.writeProblem(owner);
  if (problem !== null)
    throw fail("destination_refused", {
      place: hubName(hubUrl),
      action: "writing",
      reason: "its token's rights",
      advice: problem,
    });
  const kept = keeping.memory["repository"];
  const repository =
    typeof kept === "string" && kept.startsWith(`${owner}/`)
      ? kept
      : `${owner}/${hubRepositoryName(settings.repository, job)}`;
  if (kept !== repository) await keeping.remember({ repository });
  const isNew = await calls.create(repository, visibilityOf(settings));
  if (!isNew && settings.private && !(await calls.isPrivate(repository)))
    throw fail("destination_public", { place: hubName(hubUrl), repository });
  return repository;
}

/** The files with the card in front of all others; a card of the trainer's own goes along under another name. */
function withCard({ files, card }: Publication): PublishedFile[] {
  const bytes = Buffer.from(card);
  return [
    {
      path: cardPath,
      sizeBytes: bytes.length,
      version: createHash("md5").update(bytes).digest("hex"),
      async *read(start, end) {
        yield bytes.subarray(start, end);
      },
    },
    ...files.map((file) => (file.path === cardPath ? { ...file, path: "README.trainer.md" } : file)),
  ];
}

/** The card is none of the job's files. */
function withoutCard(watch: PublishWatch): PublishWatch {
  return {
    ...watch,
    arrived(path, pendingBytes) {
      if (path !== cardPath) watch.arrived(path, pendingBytes);
    },
  };
}

/** The files that the repository does not hold as they are; of the others it is told that they have arrived. */
async function missingFiles(
  files: readonly PublishedFile[],
  there: ReadonlyMap<string, HubEntry>,
  watch: PublishWatch,
  signal: AbortSignal,
): Promise<PublishedFile[]> {
  const missing: PublishedFile[] = [];
  for (const file of files) {
    signal.throwIfAborted();
    const entry = there.get(file.path);
    if (entry === undefined || !(await isSame(file, entry, signal))) missing.push(file);
    else watch.arrived(file.path, file.sizeBytes);
  }
  return missing;
}

async function isSame(
  file: PublishedFile,
  { sizeBytes, sha256, gitSha1 }: HubEntry,
  signal: AbortSignal,
): Promise<boolean> {
  if (sizeBytes !== file.sizeBytes) return false;
  const hash = sha256 === null ? createHash("sha1").update(`blob ${sizeBytes}\0`) : createHash("sha256");
  for await (const piece of file.read(0, file.sizeBytes)) {
    signal.throwIfAborted();
    hash.update(piece);
  }
  return hash.digest("hex") === (sha256 ?? gitSha1);
}

async function confirm(
  calls: HubCalls,
  place: string,
  repository: string,
  files: readonly PublishedFile[],
): Promise<void> {
  const there = await calls.entries(repository);
  for (const { path, sizeBytes } of files)
    if (there.get(path)?.sizeBytes !== sizeBytes) throw fail("destination_incomplete", { place, file: path });
}

/** Asks for the account and its rights. A repository is not made for it: the Hub allows only so many a day. */
async function trial(options: HubPublisherOptions, signal: AbortSignal): Promise<TestStep[]> {
  try {
    const account = await hubCalls({ ...options, token: tokenOf(options) }, signal).account();
    const owner = options.settings.owner ?? account.name;
    const problem = account.writeProblem(owner);
    return [
      { step: "token", state: "good", message: account.name },
      { step: "write", state: problem === null ? "good" : "bad", message: problem ?? owner },
    ];
  } catch (error) {
    const message = error instanceof Failure || error instanceof Error ? error.message : String(error);
    return [
      { step: "token", state: "bad", message },
      { step: "write", state: "skipped", message: null },
    ];
  }
}
