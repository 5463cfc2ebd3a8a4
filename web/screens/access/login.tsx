import { call, useLoad } from "../../api.ts";
import { Link } from "../../components/link.tsx";
import { route } from "../../router.ts";
import { AccountForm, type AccountWish } from "./account-form.tsx";
import { nextPlace } from "./next-place.ts";
import { PublicPage } from "./public-page.tsx";
import { SignInForm } from "./sign-in-form.tsx";
import { t } from "./words.ts";

/** Begins afresh where the user wanted to go, so that nothing of a stranger's page is left. */
function enter(): void {
  location.assign(nextPlace(route.peek()));
}

/** Signing in, and the way to an account where people may make their own. */
export function Login() {
  const { data } = useLoad((signal) => call("GET /api/auth/setup/status", { signal }), []);
  return (
    <PublicPage title={t("sign_in")}>
      <SignInForm onDone={enter} />
      {data?.registration_enabled && (
        <p>
          <Link href="/register">{t("to_register")}</Link>
        </p>
      )}
    </PublicPage>
  );
}

/** Making an account of one's own. */
export function Register() {
  const register = async (wish: AccountWish): Promise<void> => {
    await call("POST /api/auth/register", { body: wish });
    location.assign("/");
  };
  return (
    <PublicPage title={t("register")}>
      <AccountForm act={t("register_act")} onSend={register} />
      <p>
        <Link href="/login">{t("to_sign_in")}</Link>
      </p>
    </PublicPage>
  );
}
