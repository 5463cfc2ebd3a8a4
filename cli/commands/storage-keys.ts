import { type Command, InvalidArgumentError } from "commander";
import { formatOption, serverOf } from "../command-options.ts";
import type { Io } from "../io.ts";
import {
  formatTime,
  printJson,
  printLine,
  printTable,
  type OutputFormat,
  withoutControls,
} from "../output.ts";

/** Adds `storage keys list`, `create` and `delete`. */
export function addStorageKeys(parent: Command, io: Io): void {
  const keys = parent.command("keys").description("access keys for S3 clients such as aws, rclone and boto3");
  addList(keys, io);
  addCreate(keys, io);
  addDelete(keys, io);
}

function addList(parent: Command, io: Io): void {
  parent
    .command("list")
    .description("list access keys, without their secrets")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: { format: OutputFormat }, command: Command) => {
      const { keys } = await serverOf(command, io).call("GET /api/cloud/storage-keys");
      if (options.format === "json") return printJson(io.out, keys);
      if (keys.length === 0) {
        return printLine(
          io.out,
          "No access keys. Make one with: npx simpletuner-cloud storage keys create <name>",
        );
      }
      printTable(io.out, keys, [
        { title: "ACCESS KEY", value: (key) => key.access_key_id },
        { title: "NAME", value: (key) => withoutControls(key.name) },
        { title: "ACCESS", value: (key) => key.access },
        { title: "USER", value: (key) => key.username ?? key.user_id },
        { title: "LAST USED", value: (key) => (key.last_used_at ? formatTime(key.last_used_at) : "never") },
        { title: "EXPIRES", value: (key) => (key.expires_at ? formatTime(key.expires_at) : "never") },
      ]);
    });
}

interface CreateOptions {
  readonly write?: true;
  readonly days?: number;
  readonly format: OutputFormat;
}

function addCreate(parent: Command, io: Io): void {
  parent
    .command("create")
    .description("make an access key; its secret is shown this once")
    .argument("<name>", "what it is for, such as laptop")
    .option("--write", "may write and delete everywhere; for administrators")
    .option("--days <n>", "runs out after so many days", wholeDays)
    .addOption(formatOption("-f, --format <format>"))
    .action(async (name: string, options: CreateOptions, command: Command) => {
      const server = serverOf(command, io);
      const made = await server.call("POST /api/cloud/storage-keys", {
        body: {
          name,
          access: options.write ? "readwrite" : "read",
          ...(options.days === undefined ? {} : { expires_in_days: options.days }),
        },
      });
      const { endpoint_url, bucket, region } = await server.call("GET /api/cloud/storage-keys");
      if (options.format === "json") return printJson(io.out, { ...made, endpoint_url, bucket, region });
      for (const line of [
        `export AWS_ACCESS_KEY_ID=${made.key.access_key_id}`,
        `export AWS_SECRET_ACCESS_KEY=${made.secret_access_key}`,
        `export AWS_ENDPOINT_URL_S3=${endpoint_url}`,
        `export AWS_REGION=${region}`,
      ]) {
        printLine(io.out, line);
      }
      printLine(
        io.err,
        `The secret is not shown again. Then, for example: aws s3 ls s3://${bucket}/<job id>/`,
      );
    });
}

function wholeDays(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1) throw new InvalidArgumentError("Give a whole number of days.");
  return days;
}

function addDelete(parent: Command, io: Io): void {
  parent
    .command("delete")
    .description("make an access key invalid at once")
    .argument("<access key>", "its id, as the list shows it")
    .action(async (accessKeyId: string, _options: object, command: Command) => {
      await serverOf(command, io).call("DELETE /api/cloud/storage-keys/{access_key_id}", {
        params: { access_key_id: accessKeyId },
      });
      printLine(io.out, `Deleted ${accessKeyId}.`);
    });
}
