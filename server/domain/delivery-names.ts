import type { Job } from "@simpletuner-cloud/contract/jobs.ts";

/** What names of repositories and folders may be made of. */
export type NamedJob = Pick<Job, "job_id" | "name" | "model_family" | "user_id" | "created_at">;

/** Words that a pattern may hold in braces. */
const words: Readonly<Record<string, (job: NamedJob) => string>> = {
  name: (job) => job.name,
  // The end of an id that grows with time tells jobs of the same hour apart.
  id: (job) => job.job_id.slice(-8),
  job_id: (job) => job.job_id,
  family: (job) => job.model_family ?? "model",
  user: (job) => job.user_id,
  date: (job) => job.created_at.slice(0, 10),
};

/** What is wrong with a pattern such as `models/{name}-{id}`; null when every word in braces is known. */
export function patternProblem(pattern: string): string | null {
  for (const [whole, word = ""] of pattern.matchAll(/\{([^}]*)\}?/g))
    if (!whole.endsWith("}") || !Object.hasOwn(words, word))
      return `"${whole}" is not one of ${Object.keys(words)
        .map((known) => `{${known}}`)
        .join(", ")}.`;
  return null;
}

/** A pattern filled in for a job: each part between slashes becomes plain ASCII that every service takes. */
export function filledPattern(pattern: string, job: NamedJob): string {
  return pattern
    .split("/")
    .map((part) =>
      plainName(part.replaceAll(/\{(\w+)\}/g, (whole, word: string) => words[word]?.(job) ?? whole)),
    )
    .filter((part) => part !== "")
    .join("/");
}

/** A pattern filled in as the name of a repository at the Hugging Face Hub, which takes no slash and no name of a file. */
export function hubRepositoryName(pattern: string, job: NamedJob): string {
  const name = plainName(filledPattern(pattern, job).replaceAll("/", "-")).replace(/(\.(git|ipynb))+$/i, "");
  return name === "" ? job.job_id : name;
}

/**
 * Letters and digits of ASCII with `-`, `_` and `.` between them, at most 96: what the Hugging Face Hub takes as a name
 * and what no S3 service encodes. Accents go, other letters become their place in Unicode, so that no two scripts
 * collapse into one name.
 */
export function plainName(text: string): string {
  const plain = text
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^\x20-\x7e]/gu, (letter) =>
      /[\p{L}\p{N}]/u.test(letter) ? `u${(letter.codePointAt(0) ?? 0).toString(16)}-` : "-",
    )
    .replaceAll(/[^\w.-]+/g, "-")
    .replaceAll(/-{2,}/g, "-")
    .replaceAll(/\.{2,}/g, ".")
    .slice(0, 96);
  return plain.replaceAll(/^[-.]+|[-.]+$/g, "");
}
