/** A setting that cannot be used; its message is one sentence for the person who starts the server. */
export class StartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StartError";
  }
}

/** A whole number from `minimum` to `maximum`; throws {@link StartError} naming the variable. */
export function integerOf(
  env: NodeJS.ProcessEnv,
  name: string,
  fallback: number,
  minimum: number,
  maximum: number,
): number {
  const text = env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < minimum || value > maximum) {
    throw new StartError(`${name}: "${text}" is not a whole number from ${minimum} to ${maximum}.`);
  }
  return value;
}

/** One of the allowed words, in any case; throws {@link StartError} naming the variable. */
export function oneOf<Value extends string>(
  env: NodeJS.ProcessEnv,
  name: string,
  allowed: readonly Value[],
  fallback: Value,
): Value {
  const text = env[name]?.toLowerCase();
  if (text === undefined || text === "") return fallback;
  const value = allowed.find((candidate) => candidate === text);
  if (value === undefined) throw new StartError(`${name}: "${text}" is not one of ${allowed.join(", ")}.`);
  return value;
}
