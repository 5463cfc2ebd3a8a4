import { type Static, Type } from "typebox";
import type { StatusEntry } from "@simpletuner-cloud/contract/provider-account.ts";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import type { OutboundService } from "../../outbound/outbound-http.ts";
import type { ProviderStatusPage } from "../provider.ts";
import { MaybeText, parseAnswer } from "./answers.ts";
import { providerName } from "./failures.ts";

const Entry = Type.Object({
  name: MaybeText,
  status: MaybeText,
  url: MaybeText,
  last_update_message: MaybeText,
  last_update_at: MaybeText,
  starts_at: MaybeText,
});
const Entries = Type.Optional(Type.Array(Entry));

/** The summary of the status page; fields that are not used are let pass. */
const Summary = Type.Object({
  page_url: MaybeText,
  ongoing_incidents: Type.Array(Entry),
  in_progress_maintenances: Entries,
  scheduled_maintenances: Entries,
});

const longestSummaryBytes = 1 << 20;

/** Reads Replicate's status page; throws `provider_unreachable` when it says nothing that can be understood. */
export async function readStatusPage(http: OutboundService, url: string): Promise<ProviderStatusPage> {
  const answer = await http.text({ method: "GET", url, repeat: "safe" }, longestSummaryBytes);
  const summary = answer.status === 200 ? parseAnswer(Summary, answer.body) : null;
  if (summary === null)
    throw fail("status_page_silent", { provider: providerName, url, status: answer.status });
  return {
    url: summary.page_url ?? null,
    incidents: summary.ongoing_incidents.map(entryOf),
    maintenances: (summary.in_progress_maintenances ?? []).map(entryOf),
    planned: (summary.scheduled_maintenances ?? []).map(entryOf),
  };
}

function entryOf(entry: Static<typeof Entry>): StatusEntry {
  return {
    name: entry.name ?? "",
    status: entry.status ?? null,
    url: entry.url ?? null,
    message: entry.last_update_message ?? null,
    updated_at: entry.last_update_at ?? entry.starts_at ?? null,
  };
}
