const beyondAscii = /[\u0080-\uffff]/g;

/**
 * JSON text that escapes every character beyond ASCII. It means the same, and one `é` less in a stored job is worth
 * it: a page of fifty jobs that is ASCII alone is read, joined and sent in half the time, as it is copied not decoded.
 */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    beyondAscii,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
