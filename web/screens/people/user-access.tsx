import { useState } from "preact/hooks";
import type { Invitation, User } from "@simpletuner-cloud/contract/users.ts";
import { asError, call } from "../../api.ts";
import { Button, type ButtonKind } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { toast } from "../../components/toast.tsx";
import { formatInstant } from "../../i18n.ts";
import { session } from "../../session.ts";
import { DeleteUser } from "./delete-user.tsx";
import { InvitationDialog } from "./invitation.tsx";
import { t } from "./words.ts";

function Act(props: { text: string; act: string; kind?: ButtonKind; onAct: () => void }) {
  return (
    <li class="key-row">
      <p class="key-words small muted">{props.text}</p>
      <Button size="small" kind={props.kind ?? "secondary"} onClick={props.onAct}>
        {props.act}
      </Button>
    </li>
  );
}

/** How a user signs in: new link, unlocking, signing out, switching off, deleting. */
export function UserAccess({ user, onChanged }: { user: User; onChanged: () => void }) {
  const of = { params: { user_id: user.id } };
  const name = user.username;
  const [failure, setFailure] = useState<Error | null>(null);
  const [invitation, setInvitation] = useState<Invitation | null>(null);
  const [deleting, setDeleting] = useState(false);
  const act = async (work: () => Promise<string | null>): Promise<void> => {
    setFailure(null);
    try {
      const text = await work();
      if (text !== null) toast({ kind: "success", text });
      onChanged();
    } catch (thrown) {
      setFailure(asError(thrown));
    }
  };
  const invite = (): Promise<void> =>
    act(async () => {
      setInvitation(await call("POST /api/users/{user_id}/invite", of));
      return null;
    });
  const unlock = (): Promise<void> =>
    act(async () => {
      await call("POST /api/users/{user_id}/unlock", of);
      return t("unlocked", { name });
    });
  const signOut = (): Promise<void> =>
    act(async () => t.n("signed_out", (await call("DELETE /api/users/{user_id}/sessions", of)).ended));
  const setActive = (active: boolean): Promise<void> =>
    act(async () => {
      await call(active ? "POST /api/users/{user_id}/activate" : "POST /api/users/{user_id}/deactivate", of);
      return t(active ? "activated" : "deactivated", { name });
    });
  const own = user.id === session.value?.user_id;
  return (
    <section class="panel" aria-labelledby="user-access">
      <header class="panel-head">
        <h2 id="user-access">{t("access")}</h2>
      </header>
      <div class="panel-body stack">
        {failure && <ErrorBox error={failure} />}
        {own && <p class="small muted">{t("own_note")}</p>}
        <ul class="keys">
          {user.locked_until !== null && (
            <Act
              text={t("unlock_text", { when: formatInstant(user.locked_until) })}
              act={t("unlock")}
              onAct={() => void unlock()}
            />
          )}
          <Act text={t("invite_text")} act={t("invite")} onAct={() => void invite()} />
          <Act text={t("sign_out_text")} act={t("sign_out")} onAct={() => void signOut()} />
          {!own && user.is_active && (
            <Act text={t("deactivate_text")} act={t("deactivate")} onAct={() => void setActive(false)} />
          )}
          {!user.is_active && <Act text="" act={t("activate")} onAct={() => void setActive(true)} />}
          {!own && (
            <Act text={t("delete_text")} act={t("delete")} kind="danger" onAct={() => setDeleting(true)} />
          )}
        </ul>
      </div>
      {invitation && (
        <InvitationDialog name={name} invitation={invitation} onClose={() => setInvitation(null)} />
      )}
      {deleting && <DeleteUser user={user} onClose={() => setDeleting(false)} />}
    </section>
  );
}
