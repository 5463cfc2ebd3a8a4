import type { Static, TSchema } from "typebox";
import type { ErrorCode } from "./errors.ts";
import type { Permission } from "./permissions.ts";

/** Methods an endpoint may have. */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/**
 * How an endpoint answers: one JSON value, or a stream whose bytes the service writes itself.
 * `sse` is `text/event-stream`, `text` a plain text download, `zip` an archive, `metrics` what Prometheus reads.
 */
export type Answer =
  | TSchema
  | { readonly stream: "sse"; readonly description: string }
  | { readonly stream: "zip"; readonly description: string }
  | { readonly stream: "metrics"; readonly description: string }
  /** `fileName` may hold parameters of the path or the query in braces. */
  | { readonly stream: "text"; readonly description: string; readonly fileName: string };

/**
 * Who may call: who holds a permission, every user with the reason why, or nobody in particular with the reason why
 * that is safe. What every user may do to the own account, an API key of limited scope may only look at.
 */
export type Access = Permission | { readonly everyUser: string } | { readonly public: string };

/**
 * One endpoint of the product. The server mounts it, OpenAPI and the reference page show it, the typed client
 * calls it; nothing else declares a route.
 */
export interface Endpoint {
  readonly method: Method;
  /** Path with `{name}` parameters. */
  readonly path: string;
  /** The permission a caller needs at least; services narrow it to the object (own or all). */
  readonly access: Access;
  /** One line for the reference page. */
  readonly summary: string;
  readonly tag: string;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  /** Instead of a JSON body: the bytes as they came, for what is signed; they are read when the handler asks for them. */
  readonly rawBody?: { readonly limitBytes: number };
  readonly answer: Answer;
  /** Status of a good answer; 200 unless said otherwise. */
  readonly status?: 200 | 201 | 202;
  /** Errors this endpoint adds to those every endpoint has. */
  readonly errors: readonly ErrorCode[];
}

/** Declares an endpoint and keeps its exact types. */
export function endpoint<const E extends Endpoint>(declared: E): E {
  return declared;
}

/** A table of endpoints by handler name. */
export type EndpointTable = Readonly<Record<string, Endpoint>>;

type StaticOr<S, Fallback> = S extends TSchema ? Static<S> : Fallback;
type NoInput = Record<never, never>;

/** What a handler gets: parsed and checked parameters, query and body. */
export interface InputOf<E extends Endpoint> {
  readonly params: StaticOr<E["params"], NoInput>;
  readonly query: StaticOr<E["query"], NoInput>;
  readonly body: E["rawBody"] extends object ? () => Promise<Uint8Array> : StaticOr<E["body"], undefined>;
}

/** What a JSON endpoint answers; `never` for streams. */
export type OutputOf<E extends Endpoint> = E["answer"] extends TSchema ? Static<E["answer"]> : never;
