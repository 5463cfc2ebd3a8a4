import type { IncomingMessage, ServerResponse } from "node:http";

/** An error answer as the API gives it. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly title: string;
  readonly more: Record<string, unknown>;

  constructor(status: number, title: string, detail: string, more: Record<string, unknown> = {}) {
    super(detail);
    this.status = status;
    this.title = title;
    this.more = more;
  }
}

/** 422 with the fields that are wrong; the detail lists them in lines. */
export function invalidInput(fields: readonly { field: string; description: string }[]): ApiProblem {
  const detail = fields.map(({ field, description }) => `- ${field}: ${description}\n`).join("");
  return new ApiProblem(422, "Input validation failed", detail, {
    invalid_fields: fields.map((each) => ({ type: "invalid", ...each })),
  });
}

/** Answers JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** Answers a problem. */
export function sendProblem(response: ServerResponse, { status, title, message, more }: ApiProblem): void {
  response
    .writeHead(status, { "content-type": "application/problem+json" })
    .end(JSON.stringify({ title, detail: message, status, ...more }));
}

/** Answers as the edge does: in HTML. */
export function sendHtml(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, { "content-type": "text/html" })
    .end(`<html><head><title>${status} ${text}</title></head><body><h1>${text}</h1></body></html>`);
}

/** Reads a body to its end; null when it is longer than the limit. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer | null> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size <= limitBytes) pieces.push(piece);
  }
  return size > limitBytes ? null : Buffer.concat(pieces);
}
