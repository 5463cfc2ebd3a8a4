/** Model families that only the bundled trainer knows. */
const bundledFamilies: readonly unknown[] = ["pixel-denoiser"];

/** True for a model that the bundled trainer is meant for. */
export function isBundledModel(modelFamily: unknown): boolean {
  return bundledFamilies.includes(modelFamily);
}
