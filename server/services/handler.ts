import type { Writable } from "node:stream";
import type { Endpoint, EndpointTable, InputOf, OutputOf } from "@simpletuner-cloud/contract/endpoint.ts";
import type { Caller } from "@simpletuner-cloud/contract/permissions.ts";

/** What the running work is about, for the layer above. */
export {
  correlationAttribute,
  currentWork,
  inWork,
  newCorrelationId,
  noteInWork,
  type WorkScope,
} from "../domain/work-scope.ts";
export type { Span, Tracer } from "../domain/trace.ts";

/** What a handler knows of the request beside its parsed input. */
export interface RequestContext {
  /** Who calls; {@link anonymous} on public endpoints without credentials. */
  readonly caller: Caller;
  readonly correlationId: string;
  /** The Last-Event-ID of a resumed stream, or null. */
  readonly lastEventId: string | null;
  /** The X-API-Key header, for public endpoints whose callers prove themselves in their own way. */
  readonly apiKey: string | null;
  /** The secret that came along, in a header or as the session cookie; for endpoints that look at it themselves. */
  readonly proof: string | null;
  /** A header by its name in small letters; null when it did not come or came as several. */
  header(name: string): string | null;
  readonly client: ClientFacts;
  /** Hands the caller's browser a session, or (null) takes the one it has. */
  setSession(session: OpenedSession | null): void;
  /** Long work and streams end when it aborts: the reader is gone or the server stops. */
  readonly closed: AbortSignal;
}

/** What a connection tells of who is at its other end. */
export interface ClientFacts {
  readonly address: string;
  /** Made on this machine, to this machine, with no proxy in between. */
  readonly isLocal: boolean;
  /** What the program calls itself; anything may be in it. */
  readonly userAgent: string;
}

/** A session as it goes to a browser. */
export interface OpenedSession {
  id: string;
  token: string;
  /** Null: it is forgotten when the browser is closed. */
  maxAgeSeconds: number | null;
}

/** The caller of a public endpoint that sent no credentials. */
export const anonymous: Caller = { userId: "", username: "", grants: [] };

/** An answer that is JSON text already, of the shape the contract declares. */
export class PreparedJson<Output> {
  readonly text: string;
  /** Only for the type checker: what the text holds. */
  declare readonly output: Output;

  constructor(text: string) {
    this.text = text;
  }
}

/** One message of an event stream. `id` lets a cut stream resume after it. */
export interface StreamMessage {
  id?: string;
  event: string;
  /** One line of text, usually JSON. */
  data: string;
}

/** A file that is made while it is sent. */
export interface FileDownload {
  /** For the reader's disk; any characters, without folders. */
  fileName: string;
  contentType: string;
  sizeBytes: number;
  /** Writes exactly `sizeBytes` at the speed the target takes them; stops with an error when the signal aborts. */
  write(target: Writable, signal: AbortSignal): Promise<void>;
}

/** What a stream endpoint answers: messages (`sse`), pieces of text, pulled as fast as the reader takes them, a file, or metrics. */
export type StreamOf<E extends Endpoint> = E["answer"] extends { stream: "sse" }
  ? AsyncIterable<StreamMessage>
  : E["answer"] extends { stream: "zip" }
    ? FileDownload
    : E["answer"] extends { stream: "metrics" }
      ? string
      : AsyncIterable<string>;

type AnswerOf<E extends Endpoint> = E["answer"] extends { stream: string }
  ? StreamOf<E>
  : OutputOf<E> | PreparedJson<OutputOf<E>>;

/** The use cases of one endpoint table, by name. */
export type Handlers<T extends EndpointTable> = {
  [Name in keyof T]: (input: InputOf<T[Name]>, context: RequestContext) => Promise<AnswerOf<T[Name]>>;
};
