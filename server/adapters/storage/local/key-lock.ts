/** Runs `task` alone among all tasks of the same name; waiting tasks run in the order they came. */
export type KeyLock = <Result>(name: string, task: () => Promise<Result>) => Promise<Result>;

/** A lock per name inside this process; names that nobody holds cost nothing. */
export function keyLock(): KeyLock {
  const tails = new Map<string, Promise<unknown>>();
  return (name, task) => {
    const before = tails.get(name) ?? Promise.resolve();
    const run = before.then(task, task);
    const tail = run
      .catch(() => undefined)
      .then(() => {
        if (tails.get(name) === tail) tails.delete(name);
      });
    tails.set(name, tail);
    return run;
  };
}
