import type { TrainingState } from "./checkpoint.ts";
import type { TrainerConfig } from "./config.ts";

/** Text metadata of a delivered weights file: enough to rebuild the network and to know where it comes from. */
export function weightsMetadata(config: TrainerConfig, state: TrainingState): Record<string, string> {
  return {
    format: "pt",
    architecture: "simpletuner-cloud/pixel-denoiser-1",
    model_family: config.modelFamily,
    run_name: config.runName,
    job_id: config.jobId,
    step: String(state.global_step),
    loss: state.loss_ema.toFixed(6),
    resolution: String(state.resolution),
    width: String(state.width),
    seed: String(state.seed),
    config_hash: state.config_hash,
    datasets: state.datasets.join(","),
    image_count: String(state.image_count),
  };
}

/** README.md that travels with the weights. */
export function modelCard(config: TrainerConfig, state: TrainingState): string {
  const prompt = config.validationPrompt === "" ? "captions of the dataset" : config.validationPrompt;
  return `# ${config.runName}

A small pixel-space diffusion model, trained from scratch by the bundled CPU trainer of simpletuner-cloud.

| | |
|---|---|
| Step | ${state.global_step} |
| Loss (running mean) | ${state.loss_ema.toFixed(4)} |
| Resolution | ${state.resolution} × ${state.resolution} pixels |
| Datasets | ${state.datasets.join(", ")} (${state.image_count} images) |
| Batch size | ${config.batchSize} |
| Learning rate | ${config.learningRate}, ${config.schedule} |
| Seed | ${state.seed} |
| Sample prompt | ${prompt.replace(/[|\r\n]+/g, " ")} |

\`pytorch_lora_weights.safetensors\` holds the averaged weights of the whole network and the statistics of its
inputs. The name is the one SimpleTuner's tools look for; it is no LoRA of a larger model.
`;
}
