import { useEffect, useId, useRef } from "preact/hooks";
import { loadSession, session } from "../../session.ts";
import { SignInForm } from "./sign-in-form.tsx";
import { t } from "./words.ts";

/** Signing in over a page whose session has ended; what stands on it is kept. It cannot be closed, only finished. */
export function SignInAgain() {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const name = session.value?.credential === "session" ? session.value.username : null;
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={titleId}
      onCancel={(event) => event.preventDefault()}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={titleId}>{t("again_title")}</h2>
        </header>
        <div class="dialog-content">
          <p class="muted">{t("again_text")}</p>
          <SignInForm {...(name !== null && { name })} onDone={loadSession} />
        </div>
      </div>
    </dialog>
  );
}
