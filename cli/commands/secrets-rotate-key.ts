import type { Command } from "commander";
import { formatOption } from "../command-options.ts";
import { CommandFailure, type Io } from "../io.ts";
import { counted, type OutputFormat, printJson, printLine, styled, withoutControls } from "../output.ts";
import { stateFolder } from "../server-process.ts";

interface Options {
  stateDir?: string;
  status?: true;
  forgetOld?: true;
  format: OutputFormat;
}

/** Adds `secrets rotate-key`. */
export function addRotateKey(parent: Command, io: Io): void {
  parent
    .command("rotate-key")
    .description(
      "seal everything that is sealed in the database with a new key, on the server's machine; it may run",
    )
    .option("--state-dir <folder>", "folder of the keys and the database (default: ~/.simpletuner)")
    .option("--status", "show the keys, what each has sealed, and which servers hold them; change nothing")
    .option("--forget-old", "take out the keys that nothing in the database needs any more")
    .addOption(formatOption("-f, --format <format>"))
    .action(async (options: Options) => {
      if (options.status === true && options.forgetOld === true)
        throw new CommandFailure("Give --status or --forget-old, not both.");
      const place = { stateDir: stateFolder(options.stateDir, io), env: io.env };
      const asJson = options.format === "json";
      if (options.status === true) return tellState(io, place, asJson);
      return options.forgetOld === true ? forgetOld(io, place, asJson) : rotate(io, place, asJson);
    });
}

interface Place {
  stateDir: string;
  env: NodeJS.ProcessEnv;
}

/** Loaded here only, as the server is. */
const program = () => import("@simpletuner-cloud/server/rotate-credential-key.ts");

async function rotate(io: Io, place: Place, asJson: boolean): Promise<void> {
  const { rotateCredentialKey } = await program();
  const done = await rotateCredentialKey(place);
  if (asJson) return printJson(io.out, done);
  if (done.resumed) printLine(io.out, "Went on with a rotation that was cut off.");
  printLine(io.out, `Sealed ${counted(done.moved, "value")} with the new key ${done.keyId}.`);
  for (const { place: where, row, keyId } of done.unreadable.slice(0, 20))
    printLine(
      io.err,
      styled(
        io.err,
        "yellow",
        `${where} of ${withoutControls(row)} cannot be opened: it was sealed with ${keyId ?? "a key"} that is not here.`,
      ),
    );
  if (done.unreadable.length > 20)
    printLine(io.err, `… and ${counted(done.unreadable.length - 20, "more value")}.`);
  printLine(
    io.out,
    `Keep a copy of the key (${withoutControls(done.keysIn)}). The old one stays behind it for backups of before; --forget-old takes it out.`,
  );
}

async function tellState(io: Io, place: Place, asJson: boolean): Promise<void> {
  const { credentialKeyState } = await program();
  const state = await credentialKeyState(place);
  if (asJson) return printJson(io.out, state);
  printLine(io.out, `Keys from ${withoutControls(state.keysIn)}:`);
  for (const [index, id] of state.keyIds.entries())
    printLine(io.out, `  ${id}  ${index === 0 ? "seals" : "opens"}  ${sealedBy(state.sealed[id])}`);
  for (const [id, places] of Object.entries(state.sealed))
    if (!state.keyIds.includes(id))
      printLine(io.out, `  ${id || "(first release)"}  ${id ? "not here" : "any key"}  ${sealedBy(places)}`);
  for (const { place: where, keyIds, sealsWith } of state.servers)
    printLine(
      io.out,
      `Server ${withoutControls(where)} holds ${keyIds.join(", ")} and seals with ${sealsWith}.`,
    );
  if (state.underWay) printLine(io.out, "A rotation was cut off; run it again to finish it.");
}

function sealedBy(places: Record<string, number> | undefined): string {
  const all = Object.values(places ?? {}).reduce((sum, values) => sum + values, 0);
  return counted(all, "value");
}

async function forgetOld(io: Io, place: Place, asJson: boolean): Promise<void> {
  const { forgetOldKeys } = await program();
  const { forgotten } = await forgetOldKeys(place);
  if (asJson) return printJson(io.out, { forgotten });
  printLine(
    io.out,
    forgotten.length === 0
      ? "There is one key only; nothing was taken out."
      : `Took out ${forgotten.join(", ")}. Backups of before need a copy of them to be restored with their secrets.`,
  );
}
