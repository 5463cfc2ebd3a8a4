import { Type } from "typebox";
import { endpoint } from "./endpoint.ts";

/**
 * Explanations that a person can put away for good and bring back: the first steps on Home, the introduction of
 * Replicate, and what is said of keeping versions before a submit.
 */
export const hintNames = ["first_steps", "introduction", "git"] as const;
/** One of {@link hintNames}. */
export type HintName = (typeof hintNames)[number];

const tag = "Hints";
const own = { everyUser: "it is about what the caller's own pages explain" } as const;
const params = Type.Object({ hint: Type.Enum(hintNames) });
const Answer = Type.Object({ success: Type.Literal(true), hint: Type.Enum(hintNames) });

/** Endpoints of what a user's pages do not explain again (CONTRACT 1.4). */
export const hintEndpoints = {
  listHints: endpoint({
    method: "GET",
    path: "/api/cloud/hints",
    access: own,
    tag,
    summary: "Explanations that the caller has put away",
    answer: Type.Object({ dismissed_hints: Type.Array(Type.Enum(hintNames)) }),
    errors: [],
  }),
  dismissHint: endpoint({
    method: "POST",
    path: "/api/cloud/hints/dismiss/{hint}",
    access: own,
    tag,
    summary: "Put an explanation away",
    params,
    answer: Answer,
    errors: [],
  }),
  showHint: endpoint({
    method: "POST",
    path: "/api/cloud/hints/show/{hint}",
    access: own,
    tag,
    summary: "Bring an explanation back",
    params,
    answer: Answer,
    errors: [],
  }),
} as const;
