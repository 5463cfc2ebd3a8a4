import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { indexedColour, isStyled, parseAnsi, plainStyle, plainText } from "./log-view-ansi.ts";
import { contrast, logGrounds, readableColour } from "./log-view-colour.ts";

const esc = "\u001b[";
const styleOf = (line: string) => parseAnsi(line)[0]?.style ?? plainStyle;

describe("hostile and broken lines", () => {
  test("never a control character in the text, never an exception", () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom(
        esc,
        "\u001b",
        "\u001b]8;;http://x\u0007",
        "\r",
        "38;2;",
        "m",
        "\u0007",
        "\u009b31m",
        "48;5;300m",
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        for (const span of parseAnsi(pieces.join(""))) {
          assert.ok(span.text.length > 0);
          assert.doesNotMatch(span.text, /[^\P{Cc}\t]/u);
        }
      }),
    );
  });

  test("a megabyte without an end of sequence is parsed at once", () => {
    const started = performance.now();
    parseAnsi(`${esc}${"1;".repeat(500_000)}`);
    parseAnsi(`\u001b]${"a".repeat(1_000_000)}`);
    parseAnsi("\u001b".repeat(200_000));
    assert.ok(performance.now() - started < 2000);
  });

  test("unfinished or wrong colours change nothing", () => {
    assert.deepEqual(parseAnsi(`${esc}38;2;300;0;0mx`), [{ text: "x", style: plainStyle }]);
    assert.deepEqual(parseAnsi(`${esc}38;5mx`), [{ text: "x", style: plainStyle }]);
    assert.deepEqual(parseAnsi(`${esc}38mx`), [{ text: "x", style: plainStyle }]);
    assert.equal(plainText(`a${esc}31`), "a31");
  });

  test("cursor moves, titles and links leave only their text", () => {
    assert.equal(plainText(`${esc}2K${esc}1A${esc}?25lok`), "ok");
    assert.equal(plainText("\u001b]0;title\u0007ok"), "ok");
    assert.equal(plainText("\u001b]8;;https://a/\u001b\\text\u001b]8;;\u001b\\"), "text");
    assert.equal(plainText("\u001b(Bok"), "ok");
  });
});

describe("looks", () => {
  test("sixteen colours and their bright halves", () => {
    assert.deepEqual(styleOf(`${esc}31mx`).foreground, { named: 1 });
    assert.deepEqual(styleOf(`${esc}97mx`).foreground, { named: 15 });
    assert.deepEqual(styleOf(`${esc}44mx`).background, { named: 4 });
    assert.deepEqual(styleOf(`${esc}100mx`).background, { named: 8 });
  });

  test("256 colours", () => {
    assert.deepEqual(styleOf(`${esc}38;5;196mx`).foreground, { rgb: 0xff0000 });
    assert.deepEqual(indexedColour(16), { rgb: 0 });
    assert.deepEqual(indexedColour(231), { rgb: 0xffffff });
    assert.deepEqual(indexedColour(232), { rgb: 0x080808 });
    assert.deepEqual(indexedColour(255), { rgb: 0xeeeeee });
    assert.deepEqual(indexedColour(9), { named: 9 });
    assert.equal(indexedColour(256), null);
  });

  test("truecolour with semicolons and with colons, followed by more codes", () => {
    assert.deepEqual(styleOf(`${esc}38;2;1;2;3;1mx`), {
      ...plainStyle,
      foreground: { rgb: 0x010203 },
      bold: true,
    });
    assert.deepEqual(styleOf(`${esc}38:2::1:2:3mx`).foreground, { rgb: 0x010203 });
    assert.deepEqual(styleOf(`${esc}48;2;255;0;0;38;5;21mx`), {
      ...plainStyle,
      background: { rgb: 0xff0000 },
      foreground: { rgb: 0x0000ff },
    });
  });

  test("attributes go on and off; an empty code resets", () => {
    const spans = parseAnsi(`${esc}1;3;4mA${esc}22;23mB${esc}mC`);
    assert.deepEqual(spans[0]?.style, { ...plainStyle, bold: true, italic: true, underline: true });
    assert.deepEqual(spans[1]?.style, { ...plainStyle, underline: true });
    assert.equal(isStyled(spans[2]?.style ?? plainStyle), false);
  });

  test("an overwritten progress line shows its last writing", () => {
    assert.equal(plainText("10%\r50%\r100%"), "100%");
    assert.equal(plainText("done\r"), "done");
  });
});

test("every colour becomes readable on both grounds and keeps itself where it already is", () => {
  for (const ground of [logGrounds.light, logGrounds.dark]) {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffff }), (rgb) => {
        const shown = Number.parseInt(readableColour(rgb, ground).slice(1), 16);
        assert.ok(contrast(shown, ground) >= 4.5);
        if (contrast(rgb, ground) >= 4.5) assert.equal(shown, rgb);
      }),
    );
  }
});
