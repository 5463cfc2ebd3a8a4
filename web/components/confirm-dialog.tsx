import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { asError } from "../api.ts";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { ErrorBox } from "./error-box.tsx";
import { t } from "./words.ts";

/** Asks before something that cannot be taken back; a refusal of the server is shown in the dialog. */
export function ConfirmDialog(props: {
  title: string;
  /** The verb on the button that does it. */
  act: string;
  /** The verb on the button that does not. */
  keep: string;
  children: ComponentChildren;
  onAct: () => Promise<void>;
  onClose: () => void;
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const act = async (): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await props.onAct();
      props.onClose();
    } catch (thrown) {
      setError(asError(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      title={props.title}
      onClose={props.onClose}
      actions={
        <>
          <Button onClick={props.onClose}>{props.keep}</Button>
          <Button kind="danger" busy={busy} onClick={() => void act()}>
            {props.act}
          </Button>
        </>
      }
    >
      {props.children}
      {error && <ErrorBox error={error} title={t("error_title")} />}
    </Dialog>
  );
}
