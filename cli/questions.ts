/** Asks a yes-or-no question on the terminal, "no" first; Ctrl-C counts as no. */
export async function askYesNo(question: string): Promise<boolean> {
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({ message: question, initialValue: false });
  return isCancel(answer) ? false : answer;
}

/** Asks for a password on the terminal without showing it; null when it was cancelled. */
export async function askPassword(question: string): Promise<string | null> {
  const { password, isCancel } = await import("@clack/prompts");
  const answer = await password({ message: question });
  return isCancel(answer) ? null : answer;
}
