import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { CommandFailure } from "./io.ts";
import { deliveredModels } from "./follow-output.ts";
import type { ServerConnection } from "./server-address.ts";

/** A model that came home, as the file on this disk says it is. */
export interface Delivery {
  readonly path: string;
  readonly sizeBytes: number;
  /** Of the file's content, read just now, in hex. */
  readonly sha256: string;
}

/**
 * The final model of a completed job on this machine. Throws when the job delivered none, or when the file does
 * not hold what the server recorded: a completed job without its model is a failure.
 */
export async function delivery(server: ServerConnection, jobId: string): Promise<Delivery> {
  const [model] = await deliveredModels(server, jobId);
  if (!model) throw new CommandFailure("The job completed but delivered no .safetensors file.");
  if (model.path === null) {
    throw new CommandFailure(`The model ${model.key} is not on this machine: ${server.baseUrl}${model.url}`);
  }
  const digest = createHash("sha256");
  try {
    for await (const chunk of createReadStream(model.path)) digest.update(chunk as Buffer);
    const { size } = await stat(model.path);
    if (size !== model.size_bytes) {
      throw new CommandFailure(
        `The model ${model.path} has ${size} bytes; ${model.size_bytes} were delivered.`,
      );
    }
    return { path: model.path, sizeBytes: size, sha256: digest.digest("hex") };
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(`The model ${model.path} cannot be read: ${(error as Error).message}`);
  }
}
