import type { CorsRule } from "../../adapters/storage/storage.ts";
import { S3Error } from "./s3-errors.ts";
import { childText, type Content, element, type XmlElement } from "./s3-xml.ts";

/** S3's limits. */
const maxRules = 100;
const maxIdLength = 255;

const methods = ["GET", "HEAD", "PUT", "POST", "DELETE"];
const parts = ["ID", "AllowedOrigin", "AllowedMethod", "AllowedHeader", "ExposeHeader", "MaxAgeSeconds"];

/** A token of RFC 9110, as names of headers are. */
export const headerToken = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** Rules from a `CORSConfiguration` document; throws MalformedXML or, for a word that is not possible, InvalidRequest. */
export function corsFromXml(document: XmlElement): CorsRule[] {
  const { name, children } = document;
  const isWhole = name === "CORSConfiguration" && children.length > 0 && children.length <= maxRules;
  if (!isWhole) throw new S3Error("MalformedXML", `A CORSConfiguration has 1 to ${maxRules} CORSRule.`);
  return children.map(ruleFromXml);
}

function ruleFromXml(rule: XmlElement): CorsRule {
  const unknown = rule.children.find(({ name }) => !parts.includes(name));
  if (rule.name !== "CORSRule" || unknown !== undefined) throw new S3Error("MalformedXML");
  const allowedOrigins = textsOf(rule, "AllowedOrigin");
  const allowedMethods = textsOf(rule, "AllowedMethod");
  const allowedHeaders = textsOf(rule, "AllowedHeader");
  const exposeHeaders = textsOf(rule, "ExposeHeader");
  if (allowedOrigins.length === 0 || allowedMethods.length === 0)
    throw new S3Error("MalformedXML", "A CORSRule has at least one AllowedOrigin and one AllowedMethod.");
  assertEach("AllowedOrigin", allowedOrigins, (text) => isPattern(text) && /^[\u0021-\u007e]+$/.test(text));
  assertEach("AllowedMethod", allowedMethods, (text) => methods.includes(text));
  assertEach("AllowedHeader", allowedHeaders, (text) => isPattern(text) && headerToken.test(text));
  assertEach("ExposeHeader", exposeHeaders, (text) => !text.includes("*") && headerToken.test(text));
  const id = childText(rule, "ID")?.trim();
  if ((id ?? "").length > maxIdLength)
    throw new S3Error("InvalidRequest", `The ID of a CORSRule has at most ${maxIdLength} characters.`);
  const maxAge = childText(rule, "MaxAgeSeconds")?.trim();
  if (maxAge !== undefined && !/^\d{1,9}$/.test(maxAge))
    throw new S3Error("MalformedXML", "MaxAgeSeconds is a number of seconds of up to 9 digits.");
  const maxAgeSeconds = maxAge === undefined ? undefined : Number(maxAge);
  return { id, allowedOrigins, allowedMethods, allowedHeaders, exposeHeaders, maxAgeSeconds };
}

function textsOf(rule: XmlElement, name: string): string[] {
  return rule.children.filter((child) => child.name === name).map(({ text }) => text.trim());
}

function isPattern(text: string): boolean {
  return text.split("*").length <= 2;
}

function assertEach(name: string, texts: readonly string[], isValid: (text: string) => boolean): void {
  const wrong = texts.find((text) => !isValid(text));
  if (wrong !== undefined)
    throw new S3Error("InvalidRequest", `"${wrong.slice(0, 100)}" is not possible as an ${name}.`);
}

/** What a `CORSConfiguration` document holds. */
export function corsContent(rules: readonly CorsRule[]): Content {
  return rules.map((rule) =>
    element("CORSRule", [
      rule.id === undefined ? null : element("ID", rule.id),
      rule.allowedHeaders.map((text) => element("AllowedHeader", text)),
      rule.allowedMethods.map((text) => element("AllowedMethod", text)),
      rule.allowedOrigins.map((text) => element("AllowedOrigin", text)),
      rule.exposeHeaders.map((text) => element("ExposeHeader", text)),
      rule.maxAgeSeconds === undefined ? null : element("MaxAgeSeconds", rule.maxAgeSeconds),
    ]),
  );
}

/** A request of another site's page; header names in any case. */
export interface CrossOriginRequest {
  origin: string;
  method: string;
  headers: readonly string[];
}

/** The first rule that allows the request, with the pattern that its origin fits; null when none does. */
export function findCorsRule(
  rules: readonly CorsRule[],
  { origin, method, headers }: CrossOriginRequest,
): { rule: CorsRule; pattern: string } | null {
  const names = headers.map((name) => name.toLowerCase());
  for (const rule of rules) {
    const pattern = rule.allowedOrigins.find((candidate) => fits(candidate, origin));
    if (pattern === undefined || !rule.allowedMethods.includes(method)) continue;
    const patterns = rule.allowedHeaders.map((candidate) => candidate.toLowerCase());
    if (names.every((name) => patterns.some((candidate) => fits(candidate, name)))) return { rule, pattern };
  }
  return null;
}

function fits(pattern: string, text: string): boolean {
  const [start = "", end] = pattern.split("*");
  if (end === undefined) return pattern === text;
  return text.length >= start.length + end.length && text.startsWith(start) && text.endsWith(end);
}
