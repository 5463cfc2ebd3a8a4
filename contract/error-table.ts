/**
 * Every error the product answers with: its HTTP status and its sentence. `{name}` in a sentence is filled
 * from the details. A sentence names what is wrong and the way out.
 */
export const errorTable = {
  authentication_error: [401, "Sign in or send an API key to continue."],
  credential_refused: [
    401,
    "The session or API key that was sent does not hold any more: it ran out, was revoked, or its user is switched off. Sign in again or make a new key.",
  ],
  sign_in_failed: [401, "The name or the password is not right."],
  too_many_attempts: [
    429,
    "There were too many failed attempts. Try again in {retry_after_seconds} seconds, or ask an administrator to unlock the account.",
  ],
  rate_limit_exceeded: [
    429,
    "Rate limit exceeded: {limit} such requests in {window_seconds} seconds are allowed. Please try again in {retry_after_seconds} seconds.",
  ],
  unknown_rate_limit: [422, 'rule: "{rule}" is not one of {known}.'],
  rate_limits_unavailable: [
    503,
    "Nobody can do this at the moment, because attempts cannot be counted. Try again in {retry_after_seconds} seconds; if it lasts, ask an administrator to look at the state backend.",
  ],
  api_key_scope: [403, "This API key does not hold {permission}. Use a key with that scope, or sign in."],
  csrf_refused: [
    403,
    "This request did not come from a page of this server. Reload the page and repeat what you did.",
  ],
  permission_denied: [
    403,
    "You need the permission {permission} for this. Ask an administrator to grant it.",
  ],
  origin_not_allowed: [
    403,
    "This request came from {origin}, which is not this server's own page. Open the product at its own address.",
  ],
  validation_error: [422, "{field}: {problem}"],
  invalid_json: [400, "The request body is not valid JSON: {problem}"],
  request_cut_off: [400, "The request ended before its body was whole. Send it again."],
  body_too_large: [413, "The request body is larger than {limit_bytes} bytes."],
  unsupported_media_type: [415, "Send the request body as application/json."],
  not_found: [404, "There is nothing at {path}."],
  job_not_found: [404, "There is no job {job_id}, or it is not yours to see."],
  config_not_found: [404, 'There is no configuration named "{name}". Known names: {known}.'],
  config_invalid: [422, "{field}: {problem}"],
  config_exists_changed: [
    409,
    'The configuration "{name}" was changed by someone else meanwhile. Load it again and repeat your change.',
  ],
  git_unavailable: [
    503,
    "git is not installed on the server, so no versions of configurations can be kept. Install it and try again.",
  ],
  git_no_repository: [
    404,
    "No versions of the configurations are kept yet. Start keeping them under Configurations → Versions, or with `configs versions init`.",
  ],
  git_refused: [409, "git refused: {reason}."],
  config_holds_secrets: [
    409,
    'The configuration "{name}" holds a secret in {field}, which would leave this machine. Put it into the environment or the secrets instead, then push.',
  ],
  no_configuration: [
    422,
    "config: send either an inline config or the name of a saved one in config_name_to_load.",
  ],
  dataset_missing: [
    422,
    'dataset "{dataset_id}": the folder {path} does not exist. Correct instance_data_dir.',
  ],
  dataset_not_a_folder: [
    422,
    'dataset "{dataset_id}": {path} is not a folder. Set instance_data_dir to the folder that holds the images.',
  ],
  dataset_unreadable: [
    422,
    'dataset "{dataset_id}": {path} cannot be read ({reason}). Give the server\'s user read permission.',
  ],
  dataset_empty: [
    422,
    'dataset "{dataset_id}": {path} holds no file that can be trained on. {excluded_files} files were excluded.',
  ],
  dataset_refused: [
    422,
    'dataset "{dataset_id}": {path} is a system or credentials folder ({reason}) and is never packaged.',
  ],
  dataset_changed: [
    409,
    'dataset "{dataset_id}" changed after you agreed to send it ({change}). Review it again and submit once more.',
  ],
  consent_required: [
    409,
    "These datasets leave this machine only with your consent. Review the plan and send its consent_token.",
  ],
  consent_denied: [
    403,
    'Uploads are switched off (data consent is "deny"), so this job cannot send its datasets. Change the setting or train in place.',
  ],
  consent_stale: [
    409,
    "The datasets changed since you reviewed them. Review the new plan and consent again.",
  ],
  unknown_provider: [422, 'provider: "{provider}" is not one of {known}.'],
  provider_unavailable: [503, "The provider {provider} cannot take jobs now: {reason}"],
  invalid_job_state: [409, "The job is {status}; {action} is only possible while it is {allowed}."],
  idempotency_key_reused: [
    409,
    "The idempotency key was already used for a different request. Send a new key.",
  ],
  invalid_cursor: [400, "cursor: this is not a cursor that this list gave out. Start from the first page."],
  not_ready: [503, "The server is not ready: {reason}."],
  too_many_streams: [503, "This server already serves {limit} event streams. Close one and try again."],
  bucket_not_found: [404, "There is no bucket named {bucket}."],
  bucket_name_invalid: [
    400,
    "bucket: {bucket} is not a bucket name. Use 3 to 63 of a-z, 0-9, '-' and '.', starting and ending with a letter or digit.",
  ],
  bucket_not_empty: [409, "The bucket {bucket} still holds objects. Delete them first."],
  object_not_found: [404, "There is no object {key} in the bucket {bucket}."],
  object_key_invalid: [400, "key: {problem}"],
  object_key_too_long: [400, "key: {bytes} bytes are too many, the most is {limit}. Use a shorter key."],
  object_precondition_failed: [
    412,
    "The object is not the version that {condition} asks for. Read it again and repeat your change.",
  ],
  object_digest_mismatch: [
    400,
    "The body does not have the MD5 that Content-MD5 declares. It was damaged on the way: send it again.",
  ],
  artifact_not_found: [404, "The job has no file {key}. The list of its artifacts names those it has."],
  not_safetensors: [
    422,
    "{key} cannot be shown as a safetensors file: it {problem}. Have the trainer save it again if it should be one.",
  ],
  upload_not_found: [
    404,
    "There is no multipart upload {upload_id}; it was completed, aborted or it expired.",
  ],
  upload_part_invalid: [
    400,
    "Part {part_number} was not uploaded or has another ETag. List the parts and complete with what they say.",
  ],
  upload_part_order: [
    400,
    "The list of parts is not in ascending order of part numbers. Sort it and repeat.",
  ],
  upload_part_too_small: [
    400,
    "Part {part_number} has {size_bytes} bytes; every part but the last needs at least {minimum_bytes}.",
  ],
  archive_invalid: [422, "The archive {path} cannot be unpacked: {problem}. Package the datasets again."],
  archive_too_large: [413, "The archive {path} unpacks to {problem}. Send less data or raise the limit."],
  provider_has_no_webhooks: [404, "The provider {provider} sends no webhooks."],
  ip_not_allowed: [
    403,
    "IP address not in allowlist: {address}. Add it to webhook_allowed_ips of the provider if it is the provider's.",
  ],
  webhook_not_believed: [401, "The delivery was refused: {reason}."],
  too_many_deliveries: [503, "Too many deliveries are being received at once. Send it again in a moment."],
  webhook_unreadable: [400, "The delivery was refused: its body is {problem}."],
  backup_not_found: [404, "There is no backup {backup_id}."],
  job_restored: [
    409,
    "The server was restored from the backup {backup_id}, and this job may have run after it was made. Look whether it did, then run it again if you still want it.",
  ],
  backup_running: [409, "A backup is being made already. Wait for it, then try again."],
  backup_failed: [500, "The backup was not made: {reason}. Nothing was kept of it."],
  backup_damaged: [422, "The backup {backup_id} is damaged: {problem}. Choose another one."],
  backup_newer: [
    409,
    "The backup {backup_id} was made by a newer release (its database holds {unknown}). Install that release, then restore it.",
  ],
  disk_full: [507, "The disk that holds {path} is full ({free} free). Free some space and try again."],
  folder_unusable: [
    503,
    "The folder {path} cannot be used: {problem}. What was to go there stays where it is. Put that right, or choose another place with {setting}, then try again.",
  ],
  quota_exceeded: [
    403,
    "This does not fit in the quota of {account}: {used_bytes} of {limit_bytes} bytes are used. Delete files that are not needed, or have the quota raised.",
  ],
  storage_unreachable: [
    503,
    "The external storage {endpoint} does not answer ({reason}). Check that it runs and that this server reaches it.",
  ],
  storage_busy: [503, "The external storage {endpoint} asks to slow down. Try again in a moment."],
  storage_refused: [
    502,
    "The external storage {endpoint} refuses this server's requests to the bucket {bucket} ({reason}). Check SIMPLETUNER_STORAGE_URL and what its access key may do.",
  ],
  body_length_required: [
    411,
    "This storage takes bodies over {limit_bytes} bytes only with a Content-Length. Send one.",
  ],
  database_corrupt: [
    500,
    "The database {path} is damaged: {problem}. Stop the server and restore a backup with `simpletuner-cloud backup restore --offline`. What is damaged shows `simpletuner-cloud database verify --offline`.",
  ],
  database_unavailable: [
    503,
    "The database does not answer: {reason}. The server goes on by itself as soon as it does; then try again.",
  ],
  database_busy: [
    503,
    "The database is busy: {reason}. Nothing was changed. Try again in a moment; if it lasts, end the program that holds it.",
  ],
  database_work_running: [409, "The database is being vacuumed already. Wait for that, then try again."],
  database_too_large: [
    409,
    "Vacuuming {size} would hold up everyone for longer than a moment. Stop the server and vacuum it with `simpletuner-cloud database vacuum --offline`.",
  ],
  storage_key_not_found: [404, "There is no access key {access_key_id}, or it is not yours."],
  too_many_storage_keys: [409, "You already have {limit} access keys. Delete one that is not used any more."],
  cost_limit_exceeded: [
    402,
    "This job may cost {estimate}, which the {period} limit of {limit} does not allow: {spent} is spent and {set_aside} is set aside for jobs that are not over. The limit starts again on {resets_at}; wait until then or have it raised.",
  ],
  budget_exhausted: [
    402,
    "Stopped before the {period} budget of {limit} is overspent: {spent} is spent, {set_aside} is reserved for other jobs, and the next {minutes} minutes would cost {slice}. The budget starts again on {resets_at}; retry then or have it raised.",
  ],
  audit_export_invalid: [422, "{field}: {problem}"],
  audit_export_off: [
    409,
    "The audit is not sent to a collector. Say where to first, with webhook_url and format.",
  ],
  audit_export_not_refused: [
    409,
    "skip_entry: the collector has not refused entry {entry}. Look at the state again before anything is left out.",
  ],
  destination_not_found: [404, "There is no destination {destination_id}."],
  unknown_destination: [422, 'destinations: "{destination}" is not one of {known}.'],
  no_destination: [
    422,
    "destinations: name where to deliver to; no default destination is left that has not got this job's results.",
  ],
  destination_name_taken: [409, 'name: another destination is called "{name}" already. Choose another name.'],
  destination_invalid: [422, "{field}: {problem}"],
  destination_refused: [502, "{place} refuses {action} ({reason}). {advice}"],
  destination_bucket_missing: [502, "{place} has no bucket {bucket}. Make it there, or correct its name."],
  destination_public: [
    502,
    "{place} has {repository} already, and everybody can read it, while the destination says private. Make it private there, or let the destination publish.",
  ],
  destination_full: [
    502,
    "{place} has no room left ({reason}). Free some there or have its limit raised, then retry.",
  ],
  destination_incomplete: [
    502,
    "{place} said that everything arrived, but {file} is not there as it was sent. It is sent again.",
  ],
  destination_unreachable: [503, "{reason} It is tried again later."],
  destination_busy: [503, "{place} asks to wait ({reason}). It is tried again later."],
  tunnel_program_missing: [
    409,
    "program: {program} is not installed here. Install it from {install_url}, where the server's PATH finds it, and start the tunnel again.",
  ],
  tunnel_runs_already: [409, "A tunnel by {program} runs already. Stop it first."],
  delivery_not_found: [404, "The job has no delivery {delivery_id}."],
  invalid_delivery_state: [409, "The delivery is {status}; {action} is only possible while it is {allowed}."],
  delivery_no_files: [409, "The job has no finished model to deliver. Look at its files and its log."],
  delivery_file_changed: [409, "{file} was changed or deleted while it was delivered. It is tried again."],
  delivery_removed: [409, "The destination was removed before anything was delivered there."],
  delivery_not_due: [
    409,
    "The job ended as {status}, so nothing was delivered. Deliver its files by hand if they are of use.",
  ],
  unknown_hardware: [422, 'hardware: "{hardware}" is not one of {known}.'],
  provider_unreachable: [
    503,
    "{provider} does not answer: {reason} What runs there goes on, and is followed again when it does.",
  ],
  provider_refused: [502, "{provider} refused the job: {reason}"],
  provider_token_refused: [
    502,
    "{provider} does not accept the token {variable}. Set a valid one, for example with: npx simpletuner-cloud cloud config set-token.",
  ],
  provider_token_missing: [
    503,
    "There is no usable token for {provider}: {reason} Set one, for example with: npx simpletuner-cloud cloud config set-token.",
  ],
  secrets_unavailable: [
    503,
    "Whether there is a secret {name} is not known: {reason} Mend that, or set it in the environment or with: npx simpletuner-cloud secrets set {name}.",
  ],
  circuit_breaker_not_found: [404, 'There is no circuit breaker "{name}". Those that there are: {known}.'],
  status_page_silent: [
    502,
    "The status page of {provider} at {url} says nothing that can be understood (status {status}).",
  ],
  secret_not_stored: [
    500,
    "The secret {name} was not stored: {reason} Correct the file or its permissions and try again.",
  ],
  provider_has_no_settings: [404, "The provider {provider} has nothing to set. Those that have: {known}."],
  provider_settings_changed: [
    409,
    "The settings of {provider} were changed by {by} meanwhile (version {version}). Load them again and repeat your change.",
  ],
  ca_bundle_unusable: [
    422,
    "The file {path} cannot be used as certificates to trust: {reason}. Correct ssl_ca_bundle of the provider, or clear it.",
  ],
  sealed_secret_unreadable: [
    500,
    "{what} was sealed with another key. Restore credential.key or SIMPLETUNER_CREDENTIAL_KEY, or set it again.",
  ],
  ssl_risk_not_acknowledged: [
    409,
    "Disabling SSL verification is a security risk. Only do this if you have a self-signed certificate or are behind a corporate proxy. Send ssl_risk_acknowledged: true to continue.",
  ],
  provider_credit_missing: [
    402,
    "{provider} asks for credit: {reason} Add some at {url}, wait a few minutes and submit the job again.",
  ],
  provider_run_unknown: [
    502,
    "What became of this run at {provider} is not known: {reason} Look at {url} before you submit it again, so that you do not pay twice.",
  ],
  provider_outputs_gone: [
    502,
    "{provider} removed the outputs of the run {run} before they were fetched. Have the trainer publish them: set SIMPLETUNER_PUBLIC_URL, a bucket or a hub repository.",
  ],
  archive_over_limit: [
    413,
    "The archive of the datasets has {size} and {provider} takes at most {limit}. Send fewer or smaller pictures, let it fetch the archive by setting SIMPLETUNER_PUBLIC_URL or SIMPLETUNER_STAGING_URL, or choose another provider.",
  ],
  datasets_not_carried: [422, "{provider} cannot train on these datasets: {reason}"],
  not_set_up: [409, "This server has no accounts yet. Make the first administrator under /setup."],
  setup_done: [409, "This server already has an administrator. Sign in instead."],
  setup_token_required: [
    403,
    "Making the first administrator from here needs the token that the server printed when it started.",
  ],
  registration_closed: [403, "Nobody can register here. Ask an administrator for an account."],
  user_not_found: [404, "There is no user {user}."],
  user_exists: [409, "{field}: another user already has this one. Choose another."],
  user_outranks: [
    403,
    "{username} holds {permission}, which you do not. Ask somebody who does to change this account.",
  ],
  grant_beyond_own: [403, "You do not hold {permission} yourself, so you cannot give it to anybody."],
  own_account: [409, "You cannot {action} your own account. Ask another administrator to do it."],
  last_administrator: [
    409,
    "This would leave the server without an administrator. Make another user an administrator first.",
  ],
  level_not_found: [404, "There is no level {level}. Known levels: {known}."],
  level_exists: [409, 'name: there already is a level "{level}". Choose another name.'],
  level_built_in: [409, "The level {level} is built in and cannot be changed. Make a level of your own."],
  password_unsuitable: [422, "{field}: {problem}"],
  password_wrong: [401, "current_password: this is not your password."],
  session_not_found: [404, "There is no session {session}, or it is not yours."],
  api_key_not_found: [404, "There is no API key {api_key}, or it is not yours."],
  too_many_api_keys: [409, "There already are {limit} API keys. Revoke one that is not used any more."],
  invite_invalid: [404, "This link was used already or has run out. Ask an administrator for a new one."],
  metric_template_not_found: [404, "There is no template {template}. Those that there are: {known}."],
  scrape_token_required: [
    401,
    "A scrape needs the scrape token. Send it as Bearer or as password; an administrator makes one under Metrics or with: npx simpletuner-cloud metrics token.",
  ],
  state_unavailable: [
    503,
    "The state backend {backend} does not answer ({reason}). Check that it runs and what STATE_BACKEND_URL names, then try again.",
  ],
  internal: [
    500,
    "Something failed on the server. Quote the correlation id {correlation_id} when you report it.",
  ],
} as const satisfies Record<string, readonly [status: number, sentence: string]>;
