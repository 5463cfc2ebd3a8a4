import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { OutboundAnswer, StreamedBody } from "../../outbound/outbound-http.ts";
import {
  Account,
  FilePage,
  Model,
  Prediction,
  PredictionPage,
  UploadedFile,
  type VersionRow,
  VersionPage,
  WebhookSecret,
} from "./answers.ts";
import {
  type ApiOptions,
  apiCalls,
  type ApiCalls,
  bearer,
  type CallOptions,
  type ListOptions,
} from "./api-calls.ts";
import { providerName, ReplicateError } from "./failures.ts";

/** Replicate takes files up to 100 MiB; beyond, its edge answers 413 in HTML (REAL-APIS). */
export const largestUploadBytes = 100 << 20;

/** A file to upload. */
export interface Upload {
  path: string;
  /** Its name there. */
  name: string;
  onProgress?: (sentBytes: number, totalBytes: number) => void;
}

/**
 * Replicate's HTTP API as far as it is used here. Throws `ReplicateError` for its errors and `OutboundError` when no
 * answer came.
 */
export function replicateClient(options: ApiOptions) {
  const api = apiCalls(options);
  return { ...modelCalls(api), ...fileCalls(api), ...predictionCalls(api), ...outputCalls(api) };
}

/** See {@link replicateClient}. */
export type ReplicateClient = ReturnType<typeof replicateClient>;

function modelCalls({ send, expected, rows }: ApiCalls) {
  return {
    /** Whose token it is. */
    account: async (call: CallOptions = {}) => expected(Account, await send("GET", "/account", call)),
    /** The newest version of `owner/name`, null when it has none, and the time by Replicate's own clock. */
    async newestVersion(model: string, call: CallOptions = {}) {
      const answer = await send("GET", `/models/${model}`, call);
      return {
        version: expected(Model, answer).latest_version?.id ?? null,
        atMs: Date.parse(answer.headers["date"] ?? "") || null,
      };
    },
    /** The versions of `owner/name`, newest first; {@link mostVersions} of them. */
    async versions(model: string, call: CallOptions = {}): Promise<VersionRow[]> {
      const found: VersionRow[] = [];
      for await (const version of rows<VersionRow>(`/models/${model}/versions`, VersionPage, call)) {
        found.push(version);
        if (found.length === mostVersions) break;
      }
      return found;
    },
  };
}

/** Versions of a model that are listed at most. */
const mostVersions = 100;

function fileCalls({ send, expected, rows }: ApiCalls) {
  return {
    /** Uploads from the disk as it reads; throws `archive_over_limit` before the first byte of a file that is too large. */
    async upload({ path, name, onProgress }: Upload, call: CallOptions = {}): Promise<UploadedFile> {
      const { size } = await stat(path);
      if (size > largestUploadBytes)
        throw fail("archive_over_limit", {
          provider: providerName,
          size: mebibytes(size),
          limit: mebibytes(largestUploadBytes),
        });
      const boundary = `part-${randomBytes(18).toString("hex")}`;
      return expected(
        UploadedFile,
        await send("POST", "/files", {
          body: multipart(boundary, { path, name, sizeBytes: size }, (sent) => onProgress?.(sent, size)),
          headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
          // A second copy would only lie there until it is found by its name and removed.
          repeat: "once",
          ...call,
        }),
      );
    },
    /** Files of the account that have this name. */
    async filesNamed(name: string, call: CallOptions = {}): Promise<UploadedFile[]> {
      const found: UploadedFile[] = [];
      for await (const file of rows<UploadedFile>("/files", FilePage, call))
        if (file.name === name) found.push(file);
      return found;
    },
    /** Harmless when the file is gone. */
    deleteFile: (id: string, call: CallOptions = {}) =>
      ignoringMissing(send("DELETE", `/files/${encodeURIComponent(id)}`, call)),
  };
}

function predictionCalls({ send, expected, rows }: ApiCalls) {
  return {
    /**
     * Creates a prediction, which is billed: never sent again unless it certainly was not taken. Its start and end are
     * told to `webhookUrl`; logs are not, since each delivery of theirs would carry the whole log again.
     */
    create: async (
      version: string,
      input: Record<string, unknown>,
      webhookUrl: string | null = null,
      call: CallOptions = {},
    ) =>
      expected(
        Prediction,
        await send("POST", "/predictions", {
          body: JSON.stringify({
            version,
            input,
            ...(webhookUrl !== null && {
              webhook: webhookUrl,
              webhook_events_filter: ["start", "completed"],
            }),
          }),
          headers: { "content-type": "application/json" },
          repeat: "once",
          ...call,
        }),
      ),
    /** What deliveries of webhooks are signed with. */
    webhookSecret: async (call: CallOptions = {}) =>
      expected(WebhookSecret, await send("GET", "/webhooks/default/secret", call)).key,
    /** Null when there is none. */
    prediction: async (id: string, call: CallOptions = {}) => {
      const answer = await ignoringMissing(send("GET", `/predictions/${encodeURIComponent(id)}`, call));
      return answer && expected(Prediction, answer);
    },
    /** Predictions created from an instant on, newest first. */
    async *predictionsSince(sinceMs: number, call: ListOptions = {}): AsyncGenerator<Prediction> {
      const since = new Date(sinceMs).toISOString();
      for await (const row of rows<Prediction>(`/predictions?created_after=${since}`, PredictionPage, call)) {
        if (Date.parse(row.created_at ?? "") < sinceMs) return;
        yield row;
      }
    },
    /** Harmless when there is no such prediction or it is over. */
    cancel: (id: string, call: CallOptions = {}) =>
      ignoringMissing(send("POST", `/predictions/${encodeURIComponent(id)}/cancel`, call)),
  };
}

function outputCalls({ origin, token, http }: ApiCalls) {
  return {
    /** True for an address whose files are an output of a prediction. */
    isOutputUrl(text: string): boolean {
      if (!URL.canParse(text)) return false;
      const url = new URL(text);
      return (
        url.origin === origin ||
        (url.protocol === "https:" && /(^|\.)replicate\.delivery$/.test(url.hostname))
      );
    },
    /** An output as it comes; throws {@link ReplicateError}. The token goes along only to the API's own host. */
    async output(url: string, call: CallOptions = {}): Promise<OutboundAnswer<Readable>> {
      const secret = new URL(url).origin === origin ? await token() : null;
      const { body, ...answer } = await http.download({
        method: "GET",
        url,
        headers: secret === null ? {} : bearer(secret),
        repeat: "safe",
        ...call,
      });
      if (typeof body === "string") throw new ReplicateError(answer.status, body, secret ?? "");
      return { ...answer, body };
    },
  };
}

/** Null instead of Replicate's "there is no such thing". */
async function ignoringMissing<Result>(asked: Promise<Result>): Promise<Result | null> {
  return asked.catch((error: unknown) => {
    if (error instanceof ReplicateError && error.status === 404) return null;
    throw error;
  });
}

function multipart(
  boundary: string,
  file: { path: string; name: string; sizeBytes: number },
  onSent: (bytes: number) => void,
): StreamedBody {
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="content"; filename="${file.name}"\r\nContent-Type: application/zip\r\n\r\n`,
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    sizeBytes: head.length + file.sizeBytes + tail.length,
    async *open() {
      yield head;
      let sent = 0;
      for await (const piece of createReadStream(file.path, {
        highWaterMark: 256 << 10,
      }) as AsyncIterable<Buffer>) {
        yield piece;
        sent += piece.length;
        onSent(sent);
      }
      yield tail;
    },
  };
}

/** A size for a sentence, rounded up. */
export function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 1_048_576)} MiB`;
}
