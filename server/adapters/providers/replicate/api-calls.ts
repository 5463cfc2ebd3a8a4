import type { Static, TSchema } from "typebox";
import {
  type OutboundAnswer,
  OutboundError,
  type OutboundRequest,
  type OutboundService,
} from "../../outbound/outbound-http.ts";
import { parseAnswer } from "./answers.ts";
import { ReplicateError } from "./failures.ts";

/** Where the API is and whose token opens it. */
export interface ApiOptions {
  http: OutboundService;
  /** Without a slash at its end. */
  baseUrl: string;
  /** The token as of now; throws a failure of the contract when there is none. */
  token: () => Promise<string>;
}

/** What every call takes. */
export interface CallOptions {
  correlationId?: string;
  signal?: AbortSignal;
}

/** How a list is read. */
export interface ListOptions extends CallOptions {
  /** Awaited before each page is asked for. */
  beforePage?: () => Promise<void>;
  /** Pages that are looked at; one holds 100 rows. */
  mostPages?: number;
}

/** A prediction's log comes whole with each answer. */
const longestAnswerBytes = 256 << 20;
const usualPages = 100;

/** Sends calls to the API's own host, with the token; throws {@link ReplicateError} for a status that is not 2xx. */
export function apiCalls({ http, baseUrl, token }: ApiOptions) {
  const { origin } = new URL(baseUrl);
  const send = async (
    method: OutboundRequest["method"],
    path: string,
    { body, repeat = "safe", headers, ...call }: Partial<OutboundRequest> = {},
  ): Promise<OutboundAnswer<string>> => {
    const url = path.startsWith("/") ? baseUrl + path : path;
    // A page's address comes from an answer; the token goes to nobody else.
    if (new URL(url).origin !== origin)
      throw new OutboundError(new URL(url).host, "not_reached", "another host");
    const secret = await token();
    const answer = await http.text(
      {
        ...call,
        method,
        url,
        headers: { ...bearer(secret), ...headers },
        ...(body !== undefined && { body }),
        repeat,
      },
      longestAnswerBytes,
    );
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw new ReplicateError(answer.status, answer.body, secret);
  };
  /** The parsed answer; a page of the edge, or another API's words, count as no answer. */
  const expected = <Schema extends TSchema>(
    schema: Schema,
    { body }: OutboundAnswer<string>,
  ): Static<Schema> => {
    const value = parseAnswer(schema, body);
    if (value === null) throw new ReplicateError(502, "", "");
    return value;
  };
  /** The rows of a list, page after page. */
  async function* rows<Row>(
    first: string,
    schema: TSchema,
    { beforePage, mostPages = usualPages, ...call }: ListOptions,
  ): AsyncGenerator<Row> {
    let next: string | null = first;
    for (let page = 0; next !== null && page < mostPages; page++) {
      await beforePage?.();
      const answer = expected(schema, await send("GET", next, call)) as {
        next?: string | null;
        results: Row[];
      };
      yield* answer.results;
      next = answer.next ?? null;
    }
  }
  return { send, expected, rows, origin, token, http };
}

/** The header that proves whose call it is. */
export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}

/** See {@link apiCalls}. */
export type ApiCalls = ReturnType<typeof apiCalls>;
