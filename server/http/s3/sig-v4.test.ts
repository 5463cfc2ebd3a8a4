import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, it } from "node:test";
import { claimFromQuery } from "./presigned.ts";
import { S3Error } from "./s3-errors.ts";
import { parseS3Request, type S3Request } from "./s3-request.ts";
import { claimFromHeader, claimTimeMs, isSignatureValid, signingKeys } from "./sig-v4.ts";

const secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
const emptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const dayMs = Date.UTC(2013, 4, 24);

function requestOf(method: string, url: string, headers: Record<string, string>): S3Request {
  const rawHeaders = Object.entries(headers).flat();
  const lowerCase = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const message = { method, url, rawHeaders, headers: lowerCase } as unknown as IncomingMessage;
  return parseS3Request(message, { getHeader: () => undefined } as unknown as ServerResponse, {
    pathPrefix: "/storage",
  });
}

function isValid(request: S3Request): boolean {
  const claim = request.query.has("X-Amz-Signature")
    ? claimFromQuery(request, dayMs)
    : claimFromHeader(request.message);
  return isSignatureValid(request, claim, signingKeys()(claim, secret));
}

/** The examples of the S3 documentation on Signature Version 4. */
describe("documented signatures", () => {
  const headersOf = (
    signedHeaders: string,
    signature: string,
    rest: Record<string, string>,
  ): Record<string, string> => ({
    Host: "examplebucket.s3.amazonaws.com",
    "x-amz-date": "20130524T000000Z",
    "x-amz-content-sha256": emptySha256,
    ...rest,
    Authorization: `AWS4-HMAC-SHA256 Credential=${scope},SignedHeaders=${signedHeaders},Signature=${signature}`,
  });
  const cases: [name: string, method: string, url: string, headers: Record<string, string>][] = [
    [
      "GET of an object with a range",
      "GET",
      "/test.txt",
      headersOf(
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        { Range: "bytes=0-9" },
      ),
    ],
    [
      "PUT of an object with a character to encode",
      "PUT",
      "/test%24file.text",
      headersOf(
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        {
          Date: "Fri, 24 May 2013 00:00:00 GMT",
          "x-amz-storage-class": "REDUCED_REDUNDANCY",
          "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        },
      ),
    ],
    [
      "GET of a subresource without a value",
      "GET",
      "/?lifecycle",
      headersOf(
        "host;x-amz-content-sha256;x-amz-date",
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        {},
      ),
    ],
    [
      "list with parameters",
      "GET",
      "/?max-keys=2&prefix=J",
      headersOf(
        "host;x-amz-content-sha256;x-amz-date",
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        {},
      ),
    ],
    [
      "presigned GET",
      "GET",
      `/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${encodeURIComponent(scope)}` +
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
      { Host: "examplebucket.s3.amazonaws.com" },
    ],
  ];
  for (const [name, method, url, headers] of cases) {
    it(name, () => {
      assert.ok(isValid(requestOf(method, url, headers)));
      assert.ok(
        !isValid(requestOf(method, url.replace("?", "x?").replace("/test", "/tess"), headers)),
        "other path",
      );
      assert.ok(!isValid(requestOf(`${method}X`, url, headers)), "other method");
      assert.ok(!isValid(requestOf(method, url, { ...headers, Host: "other" })), "other host");
    });
  }
});

describe("malformed signatures", () => {
  const valid = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=${"0".repeat(64)}`;
  const message = (authorization: string, headers: object = {}): IncomingMessage => {
    const rest = { "x-amz-date": "20130524T000000Z", "x-amz-content-sha256": emptySha256, ...headers };
    return { headers: { authorization, ...rest } } as unknown as IncomingMessage;
  };
  const throwsCode = (code: string, task: () => unknown, text?: string): void =>
    assert.throws(task, (error) => error instanceof S3Error && error.code === code, text);

  it("are refused with the code that says so", () => {
    claimFromHeader(message(valid));
    const broken = [
      "AWS4-HMAC-SHA256",
      valid.replace("host", "x-amz-date"),
      valid.replace(/0{64}/, "0".repeat(63)),
      valid.replace("/s3/", "/ec2/"),
      valid.replace("20130524/", "2013/"),
      valid.replace("AKIAIOSFODNN7EXAMPLE/", ""),
    ];
    for (const text of broken)
      throwsCode("AuthorizationHeaderMalformed", () => claimFromHeader(message(text)), text);
    throwsCode("InvalidRequest", () =>
      claimFromHeader(message(valid, { "x-amz-content-sha256": undefined })),
    );
    throwsCode("AccessDenied", () =>
      claimFromHeader(message(valid, { "x-amz-date": undefined, date: "soon" })),
    );
    for (const dateTime of ["", "20130525T000000Z", "20130524T0000Z", "20130524T250000Z"]) {
      const claim = claimFromHeader(message(valid, { "x-amz-date": dateTime }));
      throwsCode("AccessDenied", () => claimTimeMs(claim), dateTime);
    }
  });

  it("with a Date header instead of x-amz-date are understood", () => {
    const date = "Fri, 24 May 2013 00:00:00 GMT";
    assert.equal(claimTimeMs(claimFromHeader(message(valid, { "x-amz-date": undefined, date }))), dayMs);
  });
});
