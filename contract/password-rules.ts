/** Shorter passwords are guessed, longer ones only cost time (NIST SP 800-63B asks for 8 at least, 64 at least allowed). */
const shortest = 8;
const longest = 1_024;

/**
 * Passwords that every guesser tries first, of at least 8 characters, without the digits and signs that people put
 * behind them. A short list on purpose: it stops the careless choice, the lockout stops the rest.
 */
const wellKnown = new Set(
  `password passwort password passw0rd p@ssword p@ssw0rd letmein iloveyou princess sunshine football baseball basketball
   superman batman starwars pokemon trustno welcome administrator changeme changeit default secret master dragon monkey
   shadow qwerty qwertyuiop qwertz qwertzuiop azerty azertyuiop asdfgh asdfghjkl zxcvbn zxcvbnm qazwsx qazwsxedc
   internet computer whatever michael jennifer jordan michelle charlie thomas hunter killer liverpool arsenal chelsea
   simpletuner simpletunercloud training stablediffusion flux google facebook samsung apple mustang corvette mercedes
   ferrari yamaha access login guest test testing hello helloworld abc abcd abcdef abcdefg abcdefgh admin root user`
    .split(/\s+/)
    .filter((word) => word !== ""),
);

/** What else of its user a password must not be. */
export interface PasswordOwner {
  username: string;
  email: string;
}

/** One form for all ways to type the same letters (RFC 8265 asks for NFC at least; NFKC also folds full-width forms). */
export function normalizedPassword(password: string): string {
  return password.normalize("NFKC");
}

/** Why a password will not do. */
export interface PasswordProblem {
  kind: "short" | "long" | "own_name" | "well_known";
  /** Characters it has. */
  length: number;
  /** Characters it needs at least, or may have at most. */
  limit: number;
}

/** What is wrong with a new password; null when it will do. Empty names are not looked at. */
export function passwordProblem(password: string, owner: PasswordOwner): PasswordProblem | null {
  const text = normalizedPassword(password);
  const length = [...text].length;
  if (length < shortest) return { kind: "short", length, limit: shortest };
  if (length > longest) return { kind: "long", length, limit: longest };
  const lower = text.toLowerCase();
  const names = [owner.username, owner.email, owner.email.split("@")[0] ?? ""];
  if (names.some((name) => name !== "" && name.toLowerCase() === lower))
    return { kind: "own_name", length, limit: longest };
  const few = new Set(lower).size < 4;
  const row = "01234567890abcdefghijklmnopqrstuvwxyz".includes(lower) || "09876543210".includes(lower);
  const core = lower.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, "");
  const known = few || row || wellKnown.has(lower) || wellKnown.has(core);
  return known ? { kind: "well_known", length, limit: longest } : null;
}

/** A problem as the rest of a sentence that begins with its field. */
export function passwordSentence({ kind, length, limit }: PasswordProblem): string {
  const characters = `${length} ${length === 1 ? "character" : "characters"}`;
  if (kind === "short") return `it has ${characters}, at least ${limit} are needed.`;
  if (kind === "long") return `it has ${characters}, at most ${limit} are taken.`;
  if (kind === "own_name") return "it is your own name. Choose something that others cannot know.";
  return "it is one of the passwords that are tried first. Choose several words or let a password manager make one.";
}
