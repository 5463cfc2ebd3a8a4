import { useState } from "preact/hooks";
import type { SignIn } from "@simpletuner-cloud/contract/auth.ts";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Time } from "../../components/time.tsx";
import { toast } from "../../components/toast.tsx";
import { programName } from "./program-name.ts";
import { t } from "./words.ts";

function Row({ session, onEnd }: { session: SignIn; onEnd: () => void }) {
  const program = programName(session.user_agent) ?? t("unknown_program");
  return (
    <li class="key-row">
      <div class="key-words">
        <span class="cut" title={session.user_agent}>
          <strong>{program}</strong> {session.is_current && <span class="chip">{t("this_one")}</span>}
        </span>
        <span class="small muted">
          {session.address} · {t("since")} <Time at={session.created_at} /> · {t("seen")}{" "}
          <Time at={session.last_seen_at} />
        </span>
      </div>
      {!session.is_current && (
        <Button size="small" onClick={onEnd} aria-label={`${t("sign_out_there")}: ${program}`}>
          {t("sign_out_there")}
        </Button>
      )}
    </li>
  );
}

/** Where the user is signed in, and ending it elsewhere. */
export function Sessions() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/auth/sessions", { signal }), []);
  const [failure, setFailure] = useState<Error | null>(null);
  const act = async (work: () => Promise<string>): Promise<void> => {
    setFailure(null);
    try {
      toast({ kind: "success", text: await work() });
      reload();
    } catch (thrown) {
      setFailure(asError(thrown));
    }
  };
  const end = (session_id: string): Promise<void> =>
    act(async () => {
      await call("DELETE /api/auth/sessions/{session_id}", { params: { session_id } });
      return t("signed_out");
    });
  const endOthers = (): Promise<void> =>
    act(async () => {
      const { ended } = await call("POST /api/auth/sessions/revoke-others");
      return t.n("signed_out_others", ended);
    });
  const sessions = data?.sessions ?? [];
  return (
    <section class="panel" aria-labelledby="account-sessions">
      <header class="panel-head">
        <h2 id="account-sessions">{t("sessions")}</h2>
        {sessions.length > 1 && (
          <Button size="small" onClick={() => void endOthers()}>
            {t("sign_out_others")}
          </Button>
        )}
      </header>
      <div class="panel-body stack">
        {error && <ErrorBox error={error} onRetry={reload} />}
        {failure && <ErrorBox error={failure} />}
        <ul class="keys">
          {sessions.map((session) => (
            <Row key={session.id} session={session} onEnd={() => void end(session.id)} />
          ))}
        </ul>
      </div>
    </section>
  );
}
