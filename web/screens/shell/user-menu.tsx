import { asError } from "../../api.ts";
import { MenuButton } from "../../components/menu.tsx";
import { toast } from "../../components/toast.tsx";
import { errorText } from "../../error-text.ts";
import { navigate } from "../../router.ts";
import { session, signOut } from "../../session.ts";
import { t } from "./words.ts";

/** Who is signed in: the own account and signing out. Nothing where nobody signs in. */
export function UserMenu() {
  const who = session.value;
  if (who?.mode !== "multi-user" || who.username === null) return null;
  const leave = (): void =>
    void signOut().catch((thrown: unknown) => toast({ kind: "error", text: errorText(asError(thrown)) }));
  return (
    <MenuButton
      icon="person"
      label={t("account_of", { name: who.display_name ?? who.username })}
      items={[
        { key: "account", icon: "person", text: t("account"), run: () => navigate("/account") },
        { key: "leave", icon: "signOut", text: t("sign_out"), run: leave },
      ]}
    />
  );
}
