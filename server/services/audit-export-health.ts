import type { AuditExportStore, StoredExport } from "../db/stores/audit-exports.ts";
import { isStopped } from "./audit-export.ts";
import { type Component, type Finding, timedComponent } from "./health.ts";

/** Whether the collector gets the audit, in words that name no address; no component while it is not sent. */
export async function auditExportHealth({
  auditExports,
}: {
  auditExports: Pick<AuditExportStore, "current">;
}): Promise<Component[]> {
  const late: Finding = { status: "degraded", message: "Not known: the database does not answer in time" };
  let isOff = false;
  const look = async (): Promise<Finding> => {
    const stored = await auditExports.current();
    isOff = stored === null;
    return stored === null ? { status: "healthy", message: "" } : findingOf(stored);
  };
  const component = await timedComponent("audit_export", look, { late });
  return isOff ? [] : [component];
}

function findingOf(stored: StoredExport): Finding {
  const { trouble } = stored;
  if (trouble === null) return { status: "healthy", message: "The collector takes the audit" };
  const message = isStopped(stored)
    ? "The collector refused an entry, and nothing more is sent: an administrator sees why on the audit page"
    : `The collector has not taken the audit since ${new Date(trouble.sinceMs).toISOString()}; it is tried again`;
  return { status: "degraded", message };
}
