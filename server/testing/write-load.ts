/**
 * Does `work` while three writers write one after the other, from their first writes on; answers what comes of it, how
 * many writes were answered before it began, and how many while it went on. Throws what a writer throws.
 */
export async function underWriteLoad<Answer>(
  write: (writer: number) => Promise<unknown>,
  work: () => Promise<Answer>,
): Promise<{ answer: Answer; before: number; meanwhile: number }> {
  const over = new AbortController();
  let written = 0;
  const begun: Promise<void>[] = [];
  const writers = [1, 2, 3].map(async (writer) => {
    const one = async (): Promise<void> => {
      await write(writer);
      written++;
    };
    const first = one();
    begun.push(first);
    await first;
    while (!over.signal.aborted) await one();
  });
  try {
    await Promise.all(begun);
    const before = written;
    const answer = await work();
    return { answer, before, meanwhile: written - before };
  } finally {
    over.abort();
    await Promise.all(writers);
  }
}
