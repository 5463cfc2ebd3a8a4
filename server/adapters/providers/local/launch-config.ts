import type { TrainerConfig } from "../../../domain/config-rules.ts";
import type { RunRequest } from "../provider.ts";
import type { RunFolder } from "./run-folder.ts";

/** Environment variables a trainer may inherit: what Python, CUDA and caches need, and no credential of the server. */
const inherited =
  /^(PATH|HOME|USER|LANG|LC_\w+|TZ|TMPDIR|SHELL|VIRTUAL_ENV|CONDA_\w+|PYTHON\w*|LD_LIBRARY_PATH|CUDA_\w+|NVIDIA_\w+|NCCL_\w+|ROCR_\w+|HIP_\w+|PYTORCH_\w+|TORCH_\w+|OMP_NUM_THREADS|HF_HOME|HF_HUB_\w+|HF_ENDPOINT|TRANSFORMERS_\w+|XDG_CACHE_HOME|HTTPS?_PROXY|NO_PROXY|https?_proxy|no_proxy|SSL_CERT_FILE|REQUESTS_CA_BUNDLE)$/;

/** The configuration a trainer is started with: the user's, with this run's folders, publishing and events. */
export function launchConfig(request: RunRequest, folder: RunFolder): TrainerConfig {
  const { upload } = request;
  const publishing = Array.isArray(request.config["publishing_config"])
    ? (request.config["publishing_config"] as unknown[])
    : [];
  const webhooks = Array.isArray(request.config["webhook_config"])
    ? (request.config["webhook_config"] as unknown[])
    : [];
  return {
    ...request.config,
    data_backend_config: folder.dataloader,
    output_dir: folder.output,
    tracker_run_name: request.config["tracker_run_name"] ?? request.name,
    __job_id__: request.jobId,
    ...(request.resume ? { resume_from_checkpoint: "latest" } : {}),
    publishing_config: [
      ...publishing,
      {
        provider: "s3",
        bucket: upload.bucket,
        endpoint_url: upload.endpointUrl,
        access_key: upload.accessKeyId,
        secret_key: upload.secretAccessKey,
        region: "auto",
        use_ssl: upload.endpointUrl.startsWith("https:"),
      },
    ],
    webhook_config: [
      ...webhooks,
      {
        webhook_type: "raw",
        callback_url: upload.callbackUrl,
        log_level: "info",
        auth_token: upload.secretAccessKey,
      },
    ],
  };
}

/** The environment of a trainer process (CONTRACT 3.4). The hub's token is for a job that pushes there. */
export function trainerEnvironment(
  request: RunRequest,
  folder: RunFolder,
  env: NodeJS.ProcessEnv,
  hubToken: string | null,
): NodeJS.ProcessEnv {
  const picked: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(env)) if (inherited.test(name)) picked[name] = value;
  if (hubToken !== null) picked["HF_TOKEN"] = hubToken;
  return {
    ...picked,
    CONFIG_PATH: folder.config,
    SIMPLETUNER_CONFIG_BACKEND: "json",
    SIMPLETUNER_UPLOAD_ENDPOINT: request.upload.endpointUrl,
    SIMPLETUNER_UPLOAD_TOKEN: request.upload.accessKeyId,
    SIMPLETUNER_CORRELATION_ID: request.runToken,
    PYTHONUNBUFFERED: "1",
  };
}
