import type { DatasetPlan } from "@simpletuner-cloud/contract/data-consent.ts";
import { CommandFailure, type Io } from "./io.ts";
import { withoutControls } from "./output.ts";
import { printPlan } from "./plan-view.ts";
import { askYesNo } from "./questions.ts";

/**
 * The token that consents to exactly this plan, or null when none is needed. Asks on a terminal after showing
 * the plan; elsewhere only `--yes` consents. A plan that would be refused is refused here. In mode `deny` the server's own refusal tells why.
 */
export async function consentTo(plan: DatasetPlan, io: Io, yes: boolean): Promise<string | null> {
  if (plan.route.refusal) throw new CommandFailure(withoutControls(plan.route.refusal.message));
  if (!plan.requires_upload || plan.consent_mode !== "ask" || yes) return plan.consent_token;
  if (!io.interactive) {
    throw new CommandFailure(
      "These datasets leave their folders only with your consent. Look at the plan with --dry-run, then add --yes.",
    );
  }
  printPlan(io.out, plan);
  if (!(await askYesNo("Send these files?")))
    throw new CommandFailure("Nothing was sent and no job was submitted.");
  return plan.consent_token;
}
