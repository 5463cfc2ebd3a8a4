import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { TrainerConfig } from "../../../domain/config-rules.ts";
import type { ArchivedFile } from "../archived-files.ts";
import { providerName } from "./failures.ts";
import { captionSourceOf, type DatasetFields, type HubPlace } from "./hub-entry.ts";
import type { HubCall, HubFile, HubRepositories } from "./hub-repositories.ts";

/** Kinds of pictures that both the Hub's reader (`imagefolder`) and the trainer take. */
const pictures = /\.(?:png|jpe?g|jpe|jfif|webp|bmp|dib|gif|tiff?|jp2)$/i;
/** Pictures that the trainer takes from a folder and the Hub's reader would pass over without a word. */
const lostPictures = /\.(?:jxl|avif|heic|heif)$/i;
/** Caption files are texts; more than this is no caption. */
const mostCaptionBytes = 1 << 20;
/** Lines of a caption file, each a column. */
const mostCaptions = 100;
/** Files of one commit: few enough to go on after a cut, enough to stay below the Hub's commits an hour. */
const commitFiles = 1_000;
/** The Hub advises folders of at most 10,000 files. */
const folderFiles = 5_000;

/** What is sent of one dataset. */
export interface HubUpload {
  dataset: DatasetFields;
  config: TrainerConfig;
  /** Where the dataset's files lie in the archive, with a slash at its end. */
  archiveDir: string;
  /** The archive's files; opened more than once. */
  open: () => AsyncIterable<ArchivedFile>;
  repo: string;
  /** Told of each file that has arrived. */
  onSent: (path: string, bytes: number) => void;
}

interface Picture {
  /** In the archive. */
  path: string;
  /** In the repository. */
  target: string;
  bytes: number;
}

/**
 * Puts a dataset into its repository, which exists: the pictures under numbers, and `metadata.jsonl` with each one's
 * captions, which makes it complete. What is there already is not sent again. Answers where the trainer finds it.
 */
export async function uploadToHub(hub: HubRepositories, upload: HubUpload, call: HubCall): Promise<HubPlace> {
  const { images, captions } = await survey(upload);
  const there = await hub.paths(upload.repo, call);
  for (let at = 0; at < images.length; at += commitFiles) {
    const batch = images.slice(at, at + commitFiles);
    const missing = batch.filter(({ target }) => !there.has(target));
    for (const { path, target, bytes } of batch) if (there.has(target)) upload.onSent(path, bytes);
    if (missing.length > 0) await commitPictures(hub, upload, missing, call);
  }
  const columns = columnsOf(captions);
  const revision = await hub.commit(
    upload.repo,
    [
      { path: "README.md", content: new Blob([readme]) },
      { path: "train/metadata.jsonl", content: new Blob([metadata(images, captions, columns)]) },
    ],
    () => undefined,
    call,
  );
  return { repo: upload.repo, revision, captionColumns: columns };
}

/** The pictures of the dataset in the archive's order, and the captions by picture. */
async function survey(upload: HubUpload) {
  const { dataset, config, archiveDir } = upload;
  const source = captionSourceOf(dataset, config);
  const images: Picture[] = [];
  const texts = new Map<string, string>();
  for await (const file of upload.open()) {
    if (!file.path.startsWith(archiveDir)) continue;
    if (lostPictures.test(file.path))
      throw refused(
        `the picture ${file.path.slice(archiveDir.length)} is of a kind that cannot go through the Hugging Face Hub. Convert it to PNG or JPEG.`,
      );
    if (pictures.test(file.path)) images.push(pictureOf(file, images.length));
    else if (source === "textfile" && file.path.endsWith(".txt") && file.sizeBytes <= mostCaptionBytes)
      texts.set(stemOf(file.path), await (await file.content()).text());
  }
  if (images.length === 0)
    throw refused(`dataset "${String(dataset["id"])}" holds no picture that the Hub's reader takes.`);
  const captions = images.map(({ path }) => {
    if (source === "filename") return [nameOf(path).replaceAll("_", " ")];
    return source === "textfile" ? captionsIn(texts.get(stemOf(path)), dataset, path) : [];
  });
  return { images, captions };
}

function pictureOf({ path, sizeBytes }: ArchivedFile, index: number): Picture {
  const folder = String(Math.floor(index / folderFiles)).padStart(4, "0");
  const name = String(index).padStart(7, "0");
  const ending = path.slice(path.lastIndexOf(".")).toLowerCase();
  return { path, target: `train/${folder}/${name}${ending}`, bytes: sizeBytes };
}

/** The trainer's own rule: each line of a caption file is a caption, unless the dataset says otherwise. */
function captionsIn(text: string | undefined, dataset: DatasetFields, path: string): string[] {
  if (text === undefined) return [];
  const whole = dataset["disable_multiline_split"] === true || !text.includes("\n");
  const captions = (whole ? [text] : text.split("\n"))
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (captions.length > mostCaptions)
    throw refused(
      `the caption file of ${path} has ${captions.length} lines, and ${mostCaptions} can be carried.`,
    );
  return captions;
}

async function commitPictures(
  hub: HubRepositories,
  upload: HubUpload,
  missing: readonly Picture[],
  call: HubCall,
): Promise<void> {
  const wanted = new Map(missing.map((picture) => [picture.path, picture]));
  const byTarget = new Map(missing.map((picture) => [picture.target, picture]));
  const files: HubFile[] = [];
  // The contents can be read as long as the archive is open.
  for await (const file of upload.open()) {
    const picture = wanted.get(file.path);
    if (picture) files.push({ path: picture.target, content: await file.content() });
    if (files.length < wanted.size) continue;
    await hub.commit(
      upload.repo,
      files,
      (target) => {
        const sent = byTarget.get(target);
        if (sent) upload.onSent(sent.path, sent.bytes);
      },
      call,
    );
    return;
  }
}

function columnsOf(captions: readonly (readonly string[])[]): string[] {
  const most = captions.reduce((count, each) => Math.max(count, each.length), 1);
  return Array.from({ length: most }, (_, index) => (index === 0 ? "caption" : `caption_${index + 1}`));
}

/** The table that the Hub's reader joins to the pictures: one line for each, paths relative to itself. */
function metadata(
  images: readonly Picture[],
  captions: readonly (readonly string[])[],
  columns: readonly string[],
): string {
  return images
    .map(({ target }, index) => {
      const row: Record<string, string | null> = { file_name: target.slice("train/".length) };
      for (const [at, column] of columns.entries()) row[column] = captions[index]?.[at] ?? null;
      return `${JSON.stringify(row)}\n`;
    })
    .join("");
}

/** Without it, file names would decide what is training data. */
const readme = `---
configs:
- config_name: default
  data_files:
  - split: train
    path: "train/**"
---

The datasets of one training run. This repository is deleted when the run ends.
`;

function stemOf(path: string): string {
  const dot = path.lastIndexOf(".");
  return dot > path.lastIndexOf("/") ? path.slice(0, dot) : path;
}

function nameOf(path: string): string {
  return stemOf(path).slice(path.lastIndexOf("/") + 1);
}

function refused(reason: string): Error {
  return fail("datasets_not_carried", { provider: providerName, reason });
}
