import type { Command } from "commander";
import type { Destination } from "@simpletuner-cloud/contract/destinations.ts";
import { formatOption, serverOf } from "../command-options.ts";
import { printDestinations, printTest } from "../delivery-lines.ts";
import { CommandFailure, type Io } from "../io.ts";
import { printJson, printLine, type OutputFormat, withoutControls } from "../output.ts";
import { askYesNo } from "../questions.ts";
import type { ServerConnection } from "../server-address.ts";
import { addDestinationsAdd } from "./destinations-add.ts";

/** Adds `destinations …`. */
export function addDestinations(parent: Command, io: Io): void {
  const destinations = parent
    .command("destinations")
    .description("places that finished models are brought to, beside this machine");
  addList(destinations, io);
  addDestinationsAdd(destinations, io);
  addTest(destinations, io);
  addRemove(destinations, io);
}

function addList(parent: Command, io: Io): void {
  parent
    .command("list")
    .description("the places, without their secrets")
    .addOption(formatOption("-f, --format <format>"))
    .action(async ({ format }: { format: OutputFormat }, command: Command) => {
      const { destinations } = await serverOf(command, io).call("GET /api/cloud/destinations", {
        query: { last_delivery: true },
      });
      if (format === "json") return printJson(io.out, destinations);
      if (destinations.length === 0)
        return printLine(
          io.out,
          "Models stay on the server. Add a place with: simpletuner-cloud destinations add --help",
        );
      printDestinations(io, destinations);
      for (const { name, problem, last_delivery: last } of destinations)
        for (const text of [problem, last?.error_message ?? null])
          if (text !== null) printLine(io.out, withoutControls(`${name}: ${text}`));
    });
}

function addTest(parent: Command, io: Io): void {
  parent
    .command("test")
    .description("try a place: a small file is written, read and deleted again")
    .argument("<name>", "the place's name or id")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (name: string, { format }: { format: OutputFormat }, command: Command) => {
      const server = serverOf(command, io);
      const { destination_id } = await findDestination(server, name);
      const outcome = await server.call("POST /api/cloud/destinations/{destination_id}/test", {
        params: { destination_id },
      });
      if (format === "json") printJson(io.out, outcome);
      else printTest(io, outcome);
      if (!outcome.ok) throw new CommandFailure(`Nothing can be delivered to ${withoutControls(name)} yet.`);
    });
}

function addRemove(parent: Command, io: Io): void {
  parent
    .command("remove")
    .description("remove a place; what was delivered stays there")
    .argument("<name>", "the place's name or id")
    .option("--force", "do not ask")
    .action(async (name: string, options: { force?: true }, command: Command) => {
      const server = serverOf(command, io);
      const found = await findDestination(server, name);
      const shown = withoutControls(found.name);
      if (!options.force) {
        if (!io.interactive)
          throw new CommandFailure("Removing asks first; add --force to remove without a question.");
        if (!(await askYesNo(`Remove ${shown}? Deliveries that wait for it are cancelled.`)))
          throw new CommandFailure("Nothing was removed.");
      }
      await server.call("DELETE /api/cloud/destinations/{destination_id}", {
        params: { destination_id: found.destination_id },
      });
      printLine(io.out, `Removed ${shown}. What was delivered stays there.`);
    });
}

/** The place of that name or id; a sentence with the names there are when there is none. */
async function findDestination(server: ServerConnection, name: string): Promise<Destination> {
  const { destinations } = await server.call("GET /api/cloud/destinations");
  const found =
    destinations.find((each) => each.destination_id === name) ??
    destinations.find((each) => each.name === name);
  if (found) return found;
  const known = destinations.map((each) => each.name).join(", ");
  throw new CommandFailure(
    `There is no destination ${name}. ${known === "" ? "There is none yet." : `There are: ${known}.`}`,
  );
}
