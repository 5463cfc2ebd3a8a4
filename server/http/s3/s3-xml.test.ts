import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { S3Error } from "./s3-errors.ts";
import { childText, element, parseXml, xmlDocument } from "./s3-xml.ts";

describe("parseXml", () => {
  it("reads what clients send: namespaces, references, CDATA, comments, empty elements", () => {
    const document = parseXml(
      '\uFEFF<?xml version="1.0"?>\n<!-- c -->\n<s3:Delete xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/">\n' +
        '<Object><Key a="1">&lt;a&#x26;b&#38;&quot;<![CDATA[<&>]]></Key><VersionId/></Object></s3:Delete>',
    );
    assert.equal(document.name, "Delete");
    const object = document.children[0]!;
    assert.equal(childText(object, "Key"), '<a&b&"<&>');
    assert.equal(childText(object, "VersionId"), "");
    assert.equal(childText(object, "Nothing"), undefined);
  });

  it("refuses what is not well-formed and every document type", () => {
    const broken = [
      "",
      "text",
      "<a>",
      "</a>",
      "<a></b>",
      "<a/><b/>",
      "<a>&nbsp;</a>",
      "<a>&amp</a>",
      "<a>&#x110000;</a>",
      "<a><",
      '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
      `${"<a>".repeat(9)}${"</a>".repeat(9)}`,
    ];
    for (const source of broken) {
      assert.throws(
        () => parseXml(source),
        (error) => error instanceof S3Error && error.code === "MalformedXML",
        source,
      );
    }
  });

  it("reads back any text that was written", () => {
    const text = fc.string({ unit: "binary", maxLength: 30 }).filter((value) => value.isWellFormed());
    fc.assert(
      fc.property(text, (value) => {
        const document = parseXml(xmlDocument("Root", [element("Key", value), element("Other", 1)]));
        assert.equal(childText(document, "Key"), value);
      }),
      { numRuns: 500 },
    );
  });

  it("survives any input", () => {
    const token = fc.constantFrom(
      "<",
      ">",
      "a",
      "/",
      "&",
      ";",
      "<a>",
      "</a>",
      "<!--",
      "-->",
      "<![CDATA[",
      "]]>",
      "#",
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 30 }), (tokens) => {
        try {
          parseXml(tokens.join(""));
        } catch (error) {
          assert.ok(error instanceof S3Error);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
