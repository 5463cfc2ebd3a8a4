import { useState } from "preact/hooks";
import type { AuditBreak } from "@simpletuner-cloud/contract/audit.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox, Notice } from "../../components/error-box.tsx";
import { formatNumber } from "../../i18n.ts";
import { t } from "./words.ts";

interface Check {
  valid: boolean;
  entries_checked: number;
  broken_links: readonly AuditBreak[];
}

function breakText({ id, last_id, reason }: AuditBreak): string {
  const values = { from: formatNumber(id), to: formatNumber(last_id) };
  return id === last_id ? t(`break_${reason}`, values) : t(`break_${reason}_many`, values);
}

/** Checks the whole chain and says what was found. */
export function useAuditCheck() {
  const [check, setCheck] = useState<Check | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const run = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    setCheck(null);
    try {
      setCheck(await call("GET /api/audit/verify", { query: {} }));
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  return {
    button: (
      <Button icon="shield" busy={busy} onClick={() => void run()}>
        {t("verify")}
      </Button>
    ),
    result: (
      <div role="status">
        {error && <ErrorBox error={error} onRetry={() => void run()} />}
        {check?.valid && (
          <Notice kind="success">{t("whole", { n: formatNumber(check.entries_checked) })}</Notice>
        )}
        {check && !check.valid && (
          <Notice kind="error">
            <strong>{t("broken")}</strong>
            <p>{t("broken_text", { n: formatNumber(check.entries_checked) })}</p>
            <ul>
              {check.broken_links.map((each) => (
                <li key={`${each.id} ${each.reason}`}>{breakText(each)}</li>
              ))}
            </ul>
          </Notice>
        )}
      </div>
    ),
  };
}
