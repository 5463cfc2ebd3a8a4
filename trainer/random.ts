/** State of a {@link Random}: four unsigned 32-bit words. */
export type RandomState = readonly [number, number, number, number];

/** Deterministic random numbers; equal states give equal sequences on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Fills `target` with N(0, 1) numbers. */
  fillGaussian(target: Float32Array): void;
  /** One N(0, 1) number. */
  gaussian(): number;
  /** Uniform integer in [0, below). */
  integer(below: number): number;
  state(): RandomState;
  restore(state: RandomState): void;
}

/** xoshiro128** (Blackman and Vigna, 2018), seeded through splitmix32 with every part of `seeds`. */
export function seededRandom(...seeds: readonly number[]): Random {
  let [a, b, c, d] = seedWords(seeds);
  const next = (): number => {
    const scaled = Math.imul(b, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  const uniform = (): number => next() / 4294967296;
  // Box-Muller; the second number of a pair is dropped here so that the state is only the four words.
  const gaussian = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return {
    uniform,
    gaussian,
    fillGaussian: (target) => {
      for (let i = 0; i < target.length; i += 2) {
        const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
        const angle = 2 * Math.PI * uniform();
        target[i] = radius * Math.cos(angle);
        if (i + 1 < target.length) target[i + 1] = radius * Math.sin(angle);
      }
    },
    integer: (below) => Math.floor(uniform() * below),
    state: () => [a >>> 0, b >>> 0, c >>> 0, d >>> 0],
    restore: (state) => {
      [a, b, c, d] = state;
    },
  };
}

function seedWords(seeds: readonly number[]): [number, number, number, number] {
  let state = 0x9e3779b9;
  const mix = (): number => {
    state = (state + 0x9e3779b9) | 0;
    let word = state ^ (state >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    return word ^ (word >>> 15);
  };
  for (const seed of seeds) state = (mix() ^ seed) | 0;
  return [mix(), mix(), mix(), mix()];
}

/** A random order of 0 .. count-1 (Fisher-Yates). */
export function shuffledOrder(count: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let i = count - 1; i > 0; i--) {
    const other = random.integer(i + 1);
    const kept = order[i] as number;
    order[i] = order[other] as number;
    order[other] = kept;
  }
  return order;
}
