import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { type SecretSource, SecretSourceError } from "./secret-source.ts";

/** A source with a document that the suite writes. */
export interface SourceUnderTest {
  source: SecretSource;
  /** Writes the document, or (null) takes it away. */
  put(document: Record<string, unknown> | null): Promise<void>;
  /** Makes the source unable to tell; absent where nothing can. */
  spoil?(): Promise<void>;
  close(): Promise<void>;
}

const value = "a-very-secret-value";

/** What every source of secrets promises, run against one of them. */
export function secretSourceConformance(
  name: string,
  open: () => Promise<SourceUnderTest>,
  { skip = false, canFail = true }: { skip?: string | false; canFail?: boolean } = {},
): void {
  describe(`secrets in ${name}`, { skip }, () => {
    let under: SourceUnderTest;
    beforeEach(async () => {
      under = await open();
    });
    afterEach(() => under.close());
    const find = async (wanted: string): Promise<string | undefined> =>
      (await under.source.read()).get(wanted);

    test("none where there is nothing, and none any more when it was taken away", async () => {
      assert.equal(await find("HF_TOKEN"), undefined);
      await under.put({ HF_TOKEN: value });
      assert.equal(await find("HF_TOKEN"), value);
      await under.put(null);
      assert.equal(await find("HF_TOKEN"), undefined);
    });

    test("a change is seen by the next question", async () => {
      await under.put({ HF_TOKEN: "first" });
      assert.equal(await find("HF_TOKEN"), "first");
      await under.put({ HF_TOKEN: "after", CLOUD_WEBHOOK_SECRET: value });
      assert.deepEqual([await find("HF_TOKEN"), await find("CLOUD_WEBHOOK_SECRET")], ["after", value]);
    });

    test("a name is found in any of its forms, and its one form wins", async () => {
      await under.put({ "replicate-api.token": "other form" });
      assert.equal(await find("REPLICATE_API_TOKEN"), "other form");
      await under.put({ REPLICATE_API_TOKEN: value, "replicate-api.token": "other form" });
      assert.equal(await find("REPLICATE_API_TOKEN"), value);
    });

    test("any text comes back as it is, without blanks around it; what is no text does not count", async () => {
      const odd = 'quote " backslash \\ ümlaut 鍵 line\nbreak';
      await under.put({ ODD: odd, LONG: "x".repeat(8_000), PADDED: ` ${value}\n`, EMPTY: "  " });
      assert.deepEqual(
        [await find("ODD"), (await find("LONG"))?.length, await find("PADDED"), await find("EMPTY")],
        [odd, 8_000, value, undefined],
      );
    });

    test("names what it is in words, without a secret", async () => {
      await under.put({ HF_TOKEN: value });
      await under.source.read();
      assert.ok(under.source.place.length > 5 && !under.source.place.includes(value));
    });

    if (!canFail) return;
    test("where it cannot tell, it says so and nothing of what it held", async () => {
      await under.put({ HF_TOKEN: value });
      await under.source.read();
      await under.spoil?.();
      const error: unknown = await under.source.read().catch((thrown: unknown) => thrown);
      assert.ok(error instanceof SecretSourceError, String(error));
      assert.match(error.message, /\.$/);
      assert.doesNotMatch(`${error.stack}${JSON.stringify(error)}`, /very-secret/);
    });
  });
}
