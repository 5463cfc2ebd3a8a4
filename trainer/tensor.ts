import { compileKernels, type Kernels } from "./kernels.ts";

/** Float32 numbers in the heap: `at` is the byte address that kernels take, `data` the same numbers. */
export interface Tensor {
  readonly at: number;
  readonly data: Float32Array;
}

/** What a layer hands on for one image: channels × height × width, and the loss gradient of the same shape. */
export interface Feature {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly value: Tensor;
  readonly gradient: Tensor;
}

/**
 * One step of the static graph. `forward` fills `output.value` from the layer's inputs; `backward` adds to the
 * gradients of its inputs and of its parameters, reading `output.gradient`.
 */
export interface Layer {
  readonly output: Feature;
  forward(): void;
  backward(): void;
}

/** A trained array with its name in the weights file, its shape there and its gradient. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly value: Tensor;
  readonly gradient: Tensor;
}

/** Bump allocator over one WebAssembly memory; nothing is ever given back while the model lives. */
export interface Heap {
  readonly kernels: Kernels;
  tensor(length: number): Tensor;
  feature(channels: number, height: number, width: number): Feature;
}

/** Makes a heap of at most `sizeBytes`; the system only commits the pages that are touched. */
export function tensorHeap(sizeBytes: number): Heap {
  const pageBytes = 65_536;
  const pages = Math.ceil(sizeBytes / pageBytes);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  let used = 0;
  const tensor = (length: number): Tensor => {
    const at = used;
    used += Math.ceil((length * 4) / 16) * 16;
    if (used > pages * pageBytes) throw new Error("the model needs more memory than its heap holds");
    return { at, data: new Float32Array(memory.buffer, at, length) };
  };
  return {
    kernels: compileKernels(memory),
    tensor,
    feature: (channels, height, width) => {
      const length = channels * height * width;
      return { channels, height, width, value: tensor(length), gradient: tensor(length) };
    },
  };
}

/** Makes the parameters of one model, in a fixed order and drawing their first values from `gaussian`. */
export interface ParameterMaker {
  readonly all: Parameter[];
  /** Gaussian first values with standard deviation `deviation`; 0 gives zeros. */
  make(name: string, shape: readonly number[], deviation: number): Parameter;
}

/** Makes a {@link ParameterMaker} that allocates from `heap`; `gaussian` draws from N(0, 1). */
export function parameterMaker(heap: Heap, gaussian: () => number): ParameterMaker {
  const all: Parameter[] = [];
  return {
    all,
    make: (name, shape, deviation) => {
      const length = shape.reduce((product, side) => product * side, 1);
      const parameter = { name, shape, value: heap.tensor(length), gradient: heap.tensor(length) };
      if (deviation > 0) for (let i = 0; i < length; i++) parameter.value.data[i] = gaussian() * deviation;
      all.push(parameter);
      return parameter;
    },
  };
}
