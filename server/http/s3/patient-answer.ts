import type { S3Exchange } from "./s3-exchange.ts";
import { expectedS3Error, S3Error } from "./s3-errors.ts";
import { errorContent, sendXml, writeHead } from "./s3-response.ts";
import { type Content, xmlDeclaration, xmlDocument } from "./s3-xml.ts";

/** While the server copies, a blank goes out this often, so that no proxy gives up waiting. */
const keepAliveMs = 10_000;

/**
 * Sends the XML that `work` ends with. When it takes long, status 200 and blanks go out first, and an error is
 * then in the body, as S3 does it.
 */
export async function answerPatiently(
  exchange: S3Exchange,
  root: string,
  work: () => Promise<Content[]>,
): Promise<void> {
  const { request, response } = exchange;
  const timer = setInterval(() => {
    if (!response.headersSent) {
      writeHead(response, 200, { "Content-Type": "application/xml" });
      response.write(xmlDeclaration);
    }
    response.write(" ");
  }, keepAliveMs);
  try {
    const content = await work();
    if (response.headersSent) response.end(xmlDocument(root, content).slice(xmlDeclaration.length));
    else sendXml(response, 200, root, content);
  } catch (error) {
    if (!response.headersSent) throw error;
    const expected = expectedS3Error(error);
    if (expected === null) exchange.onUnexpected(error);
    const shown = errorContent(request, expected ?? new S3Error("InternalError"));
    response.end(xmlDocument("Error", shown).slice(xmlDeclaration.length));
  } finally {
    clearInterval(timer);
  }
}
