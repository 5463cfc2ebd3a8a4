import { Link } from "../../components/link.tsx";
import { PublicPage } from "./public-page.tsx";
import { t } from "./words.ts";

/** A server of one person, reached from another machine without its token. */
export function Locked() {
  return (
    <PublicPage title={t("locked_title")}>
      <p>{t("locked_text")}</p>
      <p>
        <Link href="/setup">{t("locked_setup")}</Link>
      </p>
    </PublicPage>
  );
}
