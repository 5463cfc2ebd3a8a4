import type { Command } from "commander";
import type { Io } from "../io.ts";
import { addAudit } from "./audit.ts";
import { addAuthKeys } from "./auth-keys.ts";
import { addAuthLevels } from "./auth-levels.ts";
import { addAuthRights } from "./auth-rights.ts";
import { addAuthSetup, addAuthStatus } from "./auth-setup.ts";
import { addAuthUsers } from "./auth-users.ts";
import { addSetPassword } from "./auth-set-password.ts";

/** Adds `auth` with everything below it. */
export function addAuth(parent: Command, io: Io): void {
  const auth = parent
    .command("auth")
    .description("accounts: who signs in, what they may do, and keys of programs");
  addAuthStatus(auth, io);
  addAuthSetup(auth, io);
  addAuthKeys(auth, io);
  const users = auth.command("users").description("users, their levels and their permissions");
  addAuthUsers(users, io);
  addSetPassword(users, io);
  addAuthRights(users, io);
  addAuthLevels(users, io);
  addAudit(auth, io);
}
