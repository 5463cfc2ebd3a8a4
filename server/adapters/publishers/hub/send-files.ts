import type { PublishedFile, PublishWatch } from "../publisher.ts";
import type { HubCalls } from "./hub-calls.ts";
import { PublishedBlob } from "./published-blob.ts";

const mebibyte = 1024 * 1024;
/** From here the Hub puts every file into its large-file storage; smaller ones may be part of the commit itself. */
const surelyLargeBytes = 10 * mebibyte;
/** Files that may be part of one commit's text, which is held for as long as it is sent. */
const mostInlineBytes = 24 * mebibyte;
/** Of the Hub's advice for one commit. */
const mostFilesPerCommit = 100;

/** What sending works with. */
export interface Sending {
  calls: HubCalls;
  repository: string;
  watch: PublishWatch;
  title: string;
}

/** Brings files into a repository: in one commit, or in several of bounded size where they are many. */
export async function sendFiles(sending: Sending, files: readonly PublishedFile[]): Promise<void> {
  const commits = inCommits(files);
  for (const [index, some] of commits.entries())
    await sendCommit(sending, some, commits.length === 1 ? "" : ` (${index + 1} of ${commits.length})`);
}

async function sendCommit(
  { calls, repository, watch, title }: Sending,
  files: readonly PublishedFile[],
  suffix: string,
): Promise<void> {
  const moved = new Map<string, number>();
  const arrived = new Set<string>();
  const isArrived = ({ path, sizeBytes }: PublishedFile): void => {
    if (arrived.has(path)) return;
    arrived.add(path);
    watch.arrived(path, sizeBytes - (moved.get(path) ?? 0));
  };
  const byPath = new Map(files.map((file) => [file.path, file]));
  const operations = files.map((file) => ({ path: file.path, content: new PublishedBlob(file) }));
  await calls.commit(repository, title + suffix, operations, {
    onSent({ file: { path } }, bytes) {
      moved.set(path, (moved.get(path) ?? 0) + bytes);
      watch.moved(bytes);
    },
    onStep(step) {
      if (step.event !== "fileProgress") return;
      const file = byPath.get(step.path);
      if (step.progress === 0) watch.begins(step.path);
      if (file && step.state === "uploading" && step.progress === 1) isArrived(file);
    },
  });
  for (const file of files) isArrived(file);
}

function inCommits(files: readonly PublishedFile[]): PublishedFile[][] {
  const commits: PublishedFile[][] = [];
  let inlineBytes = 0;
  for (const file of files) {
    const bytes = file.sizeBytes < surelyLargeBytes ? file.sizeBytes : 0;
    const last = commits.at(-1);
    if (last && last.length < mostFilesPerCommit && inlineBytes + bytes <= mostInlineBytes) {
      last.push(file);
      inlineBytes += bytes;
    } else {
      commits.push([file]);
      inlineBytes = bytes;
    }
  }
  return commits;
}
