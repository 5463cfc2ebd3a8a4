import type { IncomingMessage, ServerResponse } from "node:http";

/** Takes one request. */
export type TakeRequest = (message: IncomingMessage, response: ServerResponse) => void;

/** Where requests come from: a server of Node, or several behind one port. Events as of Node's `http.Server`. */
export interface RequestSource {
  on(event: "request" | "checkContinue" | "checkExpectation", take: TakeRequest): unknown;
}
