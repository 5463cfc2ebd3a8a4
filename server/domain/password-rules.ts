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

/** What is wrong with a new password, as the rest of a sentence that begins with its field; null when it will do. */
export function passwordProblem(password: string, owner: PasswordOwner): string | null {
  const text = normalizedPassword(password);
  const length = [...text].length;
  if (length < shortest)
    return `it has ${length} ${length === 1 ? "character" : "characters"}, at least ${shortest} are needed.`;
  if (length > longest) return `it has ${length} characters, at most ${longest} are taken.`;
  const lower = text.toLowerCase();
  const names = [owner.username, owner.email, owner.email.split("@")[0] ?? ""].map((name) =>
    name.toLowerCase(),
  );
  if (names.includes(lower)) return "it is your own name. Choose something that others cannot know.";
  const few = new Set(lower).size < 4;
  const row = "01234567890abcdefghijklmnopqrstuvwxyz".includes(lower) || "09876543210".includes(lower);
  const core = lower.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, "");
  if (few || row || wellKnown.has(lower) || wellKnown.has(core))
    return "it is one of the passwords that are tried first. Choose several words or let a password manager make one.";
  return null;
}
