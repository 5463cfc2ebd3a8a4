/** A variable that the server reads at start. */
export interface EnvironmentVariable {
  name: string;
  /** What holds without it; empty where there is nothing. */
  otherwise: string;
  /** What it sets, for a person who has to choose a value. */
  text: string;
}

/** Every environment variable of the server; `config.ts` reads them, the guide and `server --help` list them. */
export const environmentVariables: readonly EnvironmentVariable[] = [
  { name: "SIMPLETUNER_HOST", otherwise: "127.0.0.1", text: "address the server listens on" },
  { name: "SIMPLETUNER_PORT", otherwise: "8001", text: "port the server listens on; 0 takes a free one" },
  {
    name: "SIMPLETUNER_STATE_DIR",
    otherwise: "~/.simpletuner",
    text: "folder of the database, configurations, outputs and job folders",
  },
  {
    name: "SIMPLETUNER_DATABASE_URL",
    otherwise: "the SQLite file of the state directory",
    text: "database of a server that holds the state: postgres://user:password@host/name, mysql:// or mariadb://; sslmode or ssl-mode in it turns TLS on",
  },
  {
    name: "SIMPLETUNER_DATABASE_POOL_SIZE",
    otherwise: "10",
    text: "connections to that database at most, of this server",
  },
  {
    name: "SIMPLETUNER_REPLICAS",
    otherwise: "false",
    text: "true when several servers run on the same database, state backend and state directory",
  },
  {
    name: "SIMPLETUNER_DRAIN_SECONDS",
    otherwise: "0",
    text: "so long a server that is told to stop answers on while it says that it is not ready",
  },
  {
    name: "SIMPLETUNER_STOP_GRACE_SECONDS",
    otherwise: "5",
    text: "so long answers that are under way may take once the server has stopped listening",
  },
  {
    name: "SIMPLETUNER_PUBLIC_URL",
    otherwise: "http://host:port",
    text: "how trainers and browsers elsewhere reach the server",
  },
  {
    name: "SIMPLETUNER_TUNNEL",
    otherwise: "none",
    text: "cloudflared or ngrok: the program, installed here, that gives the server an address on the internet from its start on",
  },
  {
    name: "SIMPLETUNER_TRAINER_COMMAND",
    otherwise: "",
    text: "a command line that trains instead of SimpleTuner or the bundled trainer; it gets CONFIG_PATH",
  },
  {
    name: "SIMPLETUNER_CANCEL_GRACE_SECONDS",
    otherwise: "30",
    text: "time between asking a cancelled trainer to stop and ending it",
  },
  {
    name: "SIMPLETUNER_UPLOAD_DRAIN_SECONDS",
    otherwise: "60",
    text: "so long a job's upload credential outlives a run that was elsewhere",
  },
  {
    name: "SIMPLETUNER_STORAGE_KEEP_FREE_MIB",
    otherwise: "2048",
    text: "outputs wait when less than this would stay free on the disk of the state directory",
  },
  {
    name: "SIMPLETUNER_STORAGE_URL",
    otherwise: "",
    text: "external bucket for outputs, s3://bucket/prefix?endpoint=https://host; without it they stay in the state directory",
  },
  {
    name: "SIMPLETUNER_STORAGE_ACCESS_KEY_ID",
    otherwise: "AWS_ACCESS_KEY_ID",
    text: "access key of the external bucket",
  },
  {
    name: "SIMPLETUNER_STORAGE_SECRET_ACCESS_KEY",
    otherwise: "AWS_SECRET_ACCESS_KEY",
    text: "its secret",
  },
  {
    name: "SIMPLETUNER_STORAGE_DOWNLOADS",
    otherwise: "proxy",
    text: "proxy sends files of the external bucket through the server, redirect sends browsers to it",
  },
  {
    name: "SIMPLETUNER_STORAGE_DOMAIN",
    otherwise: "",
    text: "domain whose hosts name buckets, for S3 clients in virtual-host style: outputs.<domain>",
  },
  {
    name: "SIMPLETUNER_STORAGE_PUBLIC_ACLS",
    otherwise: "false",
    text: "true lets an access list such as public-read open objects to everybody who reaches the server",
  },
  {
    name: "REPLICATE_API_TOKEN",
    otherwise: "what other sources of secrets have",
    text: "token of the account at Replicate that jobs run in; without any Replicate is not offered",
  },
  {
    name: "REPLICATE_MODEL",
    otherwise: "simpletuner/advanced-trainer-h100",
    text: "model that trains at Replicate, owner/name or owner/name:version; it decides the hardware",
  },
  {
    name: "REPLICATE_DATASETS",
    otherwise: "hub",
    text: "what the model's trainer does with datasets of this machine: hub reads them from the Hugging Face Hub, as SimpleTuner's public one; archive unpacks them beside the dataset list",
  },
  {
    name: "HF_ENDPOINT",
    otherwise: "https://huggingface.co",
    text: "the Hugging Face Hub that dataset repositories are made at",
  },
  {
    name: "REPLICATE_BASE_URL",
    otherwise: "https://api.replicate.com/v1",
    text: "another server that speaks Replicate's API",
  },
  {
    name: "SIMPLETUNER_TRUSTED_PROXIES",
    otherwise: "127.0.0.0/8,::1",
    text: "addresses and ranges of proxies whose X-Forwarded-For and X-Real-IP are believed",
  },
  {
    name: "SIMPLETUNER_SSL_CERT",
    otherwise: "",
    text: "certificate with its chain, in PEM: the server then speaks https; a renewed file is taken up by itself",
  },
  { name: "SIMPLETUNER_SSL_KEY", otherwise: "", text: "private key of the certificate, in PEM" },
  {
    name: "SIMPLETUNER_BACKUP_DIR",
    otherwise: "backups in the state directory",
    text: "folder that backups are written to",
  },
  {
    name: "SIMPLETUNER_BACKUP_URL",
    otherwise: "",
    text: "external bucket that each backup is copied to: s3://bucket/prefix?endpoint=https://host",
  },
  {
    name: "SIMPLETUNER_BACKUP_ACCESS_KEY_ID",
    otherwise: "AWS_ACCESS_KEY_ID",
    text: "access key for the bucket of the backups",
  },
  {
    name: "SIMPLETUNER_BACKUP_SECRET_ACCESS_KEY",
    otherwise: "AWS_SECRET_ACCESS_KEY",
    text: "secret key for the bucket of the backups",
  },
  {
    name: "SIMPLETUNER_JOB_RETENTION_DAYS",
    otherwise: "90",
    text: "days that jobs stay after their end, with their logs, before they are moved into archives; 0 keeps them for ever",
  },
  {
    name: "SIMPLETUNER_AUDIT_RETENTION_DAYS",
    otherwise: "90",
    text: "days that entries stay in the audit before they are moved into archives; 0 keeps them for ever",
  },
  {
    name: "SIMPLETUNER_AUDIT_KEY",
    otherwise: "audit.key in the state directory",
    text: "32 bytes in base64 that seal the audit; the same on every server of one database",
  },
  {
    name: "SIMPLETUNER_STAGING_URL",
    otherwise: "SIMPLETUNER_STORAGE_URL",
    text: "external bucket that a provider fetches archives from that it takes no upload of: s3://bucket/prefix?endpoint=https://host",
  },
  {
    name: "SIMPLETUNER_STAGING_ACCESS_KEY_ID",
    otherwise: "AWS_ACCESS_KEY_ID",
    text: "access key for the bucket of such archives",
  },
  {
    name: "SIMPLETUNER_STAGING_SECRET_ACCESS_KEY",
    otherwise: "AWS_SECRET_ACCESS_KEY",
    text: "its secret",
  },
  {
    name: "HF_TOKEN",
    otherwise: "what other sources of secrets have",
    text: "token for the Hugging Face Hub, for jobs that push there and bring none",
  },
  {
    name: "REPLICATE_STATUS_URL",
    otherwise: "https://www.replicatestatus.com/api/v1/summary",
    text: "summary of Replicate's status page",
  },
  {
    name: "SIMPLETUNER_AWS_SECRET_NAME",
    otherwise: "",
    text: "name or ARN of a secret in AWS Secrets Manager to take secrets from; region and access key as AWS names them",
  },
  { name: "VAULT_ADDR", otherwise: "", text: "HashiCorp Vault to take secrets from" },
  { name: "VAULT_TOKEN", otherwise: "", text: "token for Vault" },
  {
    name: "VAULT_ROLE_ID",
    otherwise: "",
    text: "login at Vault by AppRole, together with VAULT_SECRET_ID",
  },
  { name: "VAULT_SECRET_ID", otherwise: "", text: "see VAULT_ROLE_ID" },
  {
    name: "VAULT_K8S_ROLE",
    otherwise: "",
    text: "role of a login at Vault with the Kubernetes service account's token",
  },
  {
    name: "SIMPLETUNER_VAULT_JWT_FILE",
    otherwise: "/var/run/secrets/kubernetes.io/serviceaccount/token",
    text: "where that token lies",
  },
  {
    name: "SIMPLETUNER_VAULT_AUTH_MOUNT",
    otherwise: "approle, kubernetes",
    text: "where the login method is enabled",
  },
  { name: "VAULT_NAMESPACE", otherwise: "", text: "namespace of Vault Enterprise" },
  { name: "SIMPLETUNER_VAULT_MOUNT", otherwise: "secret", text: "mount of Vault's key-value store" },
  { name: "SIMPLETUNER_VAULT_PATH", otherwise: "simpletuner", text: "path of the document in it" },
  { name: "HTTPS_PROXY", otherwise: "", text: "proxy for https calls to services outside" },
  { name: "HTTP_PROXY", otherwise: "", text: "proxy for http calls, and for https without HTTPS_PROXY" },
  { name: "NO_PROXY", otherwise: "", text: "hosts to reach without a proxy, separated by commas" },
  {
    name: "SIMPLETUNER_CA_BUNDLE",
    otherwise: "",
    text: "file of certificates in PEM to trust beside the known ones",
  },
  {
    name: "SIMPLETUNER_SSL_VERIFY",
    otherwise: "true",
    text: "false takes any certificate; anybody on the way can then read and change what is sent",
  },
  {
    name: "SIMPLETUNER_HTTP_TIMEOUT",
    otherwise: "30",
    text: "seconds that a service outside may be silent",
  },
  {
    name: "SIMPLETUNER_ALLOW_PRIVATE_ADDRESSES",
    otherwise: "false",
    text: "what addresses that users name (webhooks, buckets) may lead to beside the internet: true, or addresses and ranges",
  },
  {
    name: "STATE_BACKEND",
    otherwise: "sqlite",
    text: "where rate limits, leases and other short-lived state are kept: memory, sqlite, redis, postgresql or mysql",
  },
  { name: "STATE_BACKEND_URL", otherwise: "", text: "redis://, postgresql:// or mysql:// address of it" },
  { name: "STATE_BACKEND_POOL_SIZE", otherwise: "10", text: "connections to it at most" },
  { name: "STATE_BACKEND_TIMEOUT", otherwise: "30", text: "seconds that a question to it may take" },
  { name: "STATE_BACKEND_KEY_PREFIX", otherwise: "st:", text: "what its keys begin with" },
  {
    name: "RATE_LIMIT_CALLS",
    otherwise: "100",
    text: "requests of one client in the period, of those that no other rule names; 0 turns all rate limits off",
  },
  { name: "RATE_LIMIT_PERIOD", otherwise: "60", text: "seconds of that period" },
  {
    name: "RATE_LIMIT_SIGNED_IN_FACTOR",
    otherwise: "10",
    text: "so many times more for who is signed in or sends a valid key, where nothing is guarded or paid for",
  },
  {
    name: "RATE_LIMIT_RULES",
    otherwise: "",
    text: 'rules of your own before the built-in ones, a JSON list: [["^/api/configs$", 5, 300, ["POST"]]]',
  },
  {
    name: "RATE_LIMIT_LOCALHOST",
    otherwise: "bypass",
    text: "limit counts requests of this machine, too",
  },
  {
    name: "RATE_LIMIT_AUDIT",
    otherwise: "true",
    text: "false keeps requests over a limit out of the audit",
  },
  {
    name: "SIMPLETUNER_LOG_LEVEL",
    otherwise: "info",
    text: "debug, info, warn (WARNING), error or fatal (CRITICAL)",
  },
  { name: "SIMPLETUNER_LOG_FORMAT", otherwise: "json, text on a terminal", text: "json or text" },
  {
    name: "SIMPLETUNER_LOG_FILE",
    otherwise: "",
    text: "file that gets every line of the log beside the error output; opened anew at SIGHUP",
  },
  {
    name: "SIMPLETUNER_LOG_FILE_MAX_MIB",
    otherwise: "100",
    text: "a larger log file is put aside as <file>.1 and so on; 0 leaves that to a program such as logrotate",
  },
  {
    name: "SIMPLETUNER_LOG_FILE_KEEP",
    otherwise: "5",
    text: "log files that were put aside and stay",
  },
  {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    otherwise: "",
    text: "collector that traces go to, by OTLP over HTTP in JSON: http://host:4318, to which /v1/traces is added; nothing is traced without",
  },
  {
    name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    otherwise: "",
    text: "the same for traces alone and taken as it is; TRACES_ may stand in the names of the next three as well",
  },
  {
    name: "OTEL_EXPORTER_OTLP_PROTOCOL",
    otherwise: "http/json",
    text: "JSON is sent for http/protobuf, too, which collectors take at the same port; grpc is refused",
  },
  {
    name: "OTEL_EXPORTER_OTLP_HEADERS",
    otherwise: "",
    text: "headers for the collector, name=value with commas between, values percent-encoded",
  },
  {
    name: "OTEL_EXPORTER_OTLP_TIMEOUT",
    otherwise: "10000",
    text: "milliseconds that the collector may take for a batch of spans, further tries included",
  },
  { name: "OTEL_SERVICE_NAME", otherwise: "simpletuner-cloud", text: "what the server is called in traces" },
  {
    name: "OTEL_RESOURCE_ATTRIBUTES",
    otherwise: "",
    text: "what else traces tell of the server, as deployment.environment.name=production",
  },
  {
    name: "OTEL_TRACES_SAMPLER",
    otherwise: "parentbased_always_on",
    text: "which traces are kept: always_on, always_off, traceidratio, or one of these with parentbased_ before it, which does as the caller's trace does",
  },
  { name: "OTEL_TRACES_SAMPLER_ARG", otherwise: "1", text: "share of the traces that a ratio keeps, 0 to 1" },
  {
    name: "OTEL_BSP_MAX_QUEUE_SIZE",
    otherwise: "2048",
    text: "spans that may wait for the collector; more are dropped and counted",
  },
  { name: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", otherwise: "512", text: "spans that are sent at once at most" },
  {
    name: "OTEL_BSP_SCHEDULE_DELAY",
    otherwise: "5000",
    text: "milliseconds that spans wait for others to be sent with",
  },
  {
    name: "OTEL_SDK_DISABLED",
    otherwise: "false",
    text: "true turns traces off",
  },
  { name: "OTEL_TRACES_EXPORTER", otherwise: "otlp", text: "otlp, or none, which turns traces off" },
  {
    name: "SIMPLETUNER_CREDENTIAL_KEY",
    otherwise: "made in the state directory",
    text: "32 bytes in base64 that seal stored secrets; with commas more keys behind it, that only open what they sealed before",
  },
  {
    name: "SIMPLETUNER_CREDENTIAL_KEY_FILE",
    otherwise: "",
    text: "file that holds those keys instead, one a line; read again when it changes",
  },
  {
    name: "SIMPLETUNER_CREDENTIAL_KEY_COMMAND",
    otherwise: "",
    text: "command that prints those keys instead, as one that asks a key service does; run at start",
  },
  {
    name: "SIMPLETUNER_SESSION_CLEANUP_INTERVAL",
    otherwise: "900",
    text: "seconds between two removals of sessions that ran out",
  },
  {
    name: "SIMPLETUNER_MAX_EVENT_STREAMS",
    otherwise: "2000",
    text: "open live streams of all callers together",
  },
];
