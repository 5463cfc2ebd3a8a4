import type { Invitation } from "@simpletuner-cloud/contract/users.ts";
import { Button } from "../../components/button.tsx";
import { CopyButton } from "../../components/copy-button.tsx";
import { Dialog } from "../../components/dialog.tsx";
import { formatInstant } from "../../i18n.ts";
import { t } from "./words.ts";

/** Shows the link of an invitation, once. */
export function InvitationDialog(props: { name: string; invitation: Invitation; onClose: () => void }) {
  const { name, invitation, onClose } = props;
  return (
    <Dialog
      open
      title={t("link_title", { name })}
      onClose={onClose}
      actions={
        <Button kind="primary" onClick={onClose}>
          {t("done")}
        </Button>
      }
    >
      <p>{t("link_text", { when: formatInstant(invitation.expires_at) })}</p>
      <pre class="key-lines" dir="ltr">
        {invitation.url}
      </pre>
      <div>
        <CopyButton text={invitation.url} label={t("copy_link")} />
      </div>
    </Dialog>
  );
}
