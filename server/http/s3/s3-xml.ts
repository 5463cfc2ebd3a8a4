import { S3Error } from "./s3-errors.ts";

/** The namespace that every S3 answer declares. */
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

/** Escaped markup, made by {@link element}. */
export interface Markup {
  readonly xml: string;
}

/** What an element may hold; null and undefined are left out. */
export type Content = string | number | boolean | Markup | null | undefined | readonly Content[];

/** `<name>content</name>`, with text escaped; `attributes` are markup. */
export function element(name: string, content: Content, attributes = ""): Markup {
  return { xml: `<${name}${attributes}>${render(content)}</${name}>` };
}

/** Documents that S3 sends without a namespace. */
const withoutNamespace = new Set(["Error", "PostResponse"]);

/** A whole document; `name` becomes the root element. */
export function xmlDocument(name: string, content: Content): string {
  const attribute = withoutNamespace.has(name) ? "" : ` xmlns="${namespace}"`;
  return `${xmlDeclaration}<${name}${attribute}>${render(content)}</${name}>`;
}

/** First line of every document. */
export const xmlDeclaration = '<?xml version="1.0" encoding="UTF-8"?>\n';

function render(content: Content): string {
  if (content === null || content === undefined) return "";
  if (typeof content !== "object") return escapeText(String(content));
  return "xml" in content ? content.xml : content.map(render).join("");
}

const namedEscapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escapeText(text: string): string {
  // Keys may hold any character; those that XML has no place for go out as references, as S3 does it.
  return text.replace(/[&<>"\p{Cc}\ufffe\uffff]/gu, (character) => {
    return namedEscapes[character] ?? `&#x${character.charCodeAt(0).toString(16).toUpperCase()};`;
  });
}

/** A parsed element: its name without a prefix, its text with references resolved, its child elements. */
export interface XmlElement {
  name: string;
  text: string;
  children: XmlElement[];
}

const maxDepth = 8;

/**
 * Parses the small documents that S3 clients send. Refuses with MalformedXML what is not well-formed, has a
 * document type (no entity is ever expanded but the five of XML) or nests deeper than 8.
 */
export function parseXml(source: string): XmlElement {
  const root: XmlElement = { name: "", text: "", children: [] };
  const open: XmlElement[] = [root];
  const tokens =
    /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([^\s<>/!?]+)([^<>]*)>|([^<]+)|</gy;
  for (const token of source.replace(/^\uFEFF/, "").matchAll(tokens)) {
    const [whole, cdata, closing, name, attributes = "", text] = token;
    const current = open.at(-1);
    if (current === undefined) throw malformed();
    if (text !== undefined) current.text += resolveReferences(text);
    else if (cdata !== undefined) current.text += cdata;
    else if (name === undefined) {
      if (whole === "<") throw malformed();
    } else if (closing === "/") {
      if (open.length === 1 || current.name !== localName(name) || attributes.trim() !== "")
        throw malformed();
      open.pop();
    } else {
      const child: XmlElement = { name: localName(name), text: "", children: [] };
      current.children.push(child);
      if (!attributes.endsWith("/")) open.push(child);
      if (open.length > maxDepth) throw malformed();
    }
  }
  const [document] = root.children;
  if (open.length !== 1 || document === undefined || root.children.length > 1 || root.text.trim() !== "") {
    throw malformed();
  }
  return document;
}

function malformed(): S3Error {
  return new S3Error("MalformedXML");
}

/** Self-closing tags keep their slash out of the name: `a:Key` and `Key` are the same element. */
function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

const references: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function resolveReferences(text: string): string {
  return text.replace(/&([^;\s&]*);?/g, (whole, name: string) => {
    const known = references[name];
    if (known !== undefined && whole.endsWith(";")) return known;
    const digits = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name);
    if (digits === null || !whole.endsWith(";")) throw malformed();
    const code = digits[1] === undefined ? Number(digits[2]) : Number.parseInt(digits[1], 16);
    if (code > 0x10ffff) throw malformed();
    return String.fromCodePoint(code);
  });
}

/** Text of the first child with this name, undefined when there is none. */
export function childText(parent: XmlElement, name: string): string | undefined {
  return childElement(parent, name)?.text;
}

/** First child with this name, undefined when there is none. */
export function childElement(parent: XmlElement, name: string): XmlElement | undefined {
  return parent.children.find((child) => child.name === name);
}
