import { call, useLoad } from "../../api.ts";
import { ButtonLink } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { session } from "../../session.ts";
import { ApiKeys } from "./api-keys.tsx";
import { ChangePassword, Profile } from "./profile.tsx";
import { Sessions } from "./sessions.tsx";
import { t } from "./words.ts";

await import("../../styles/people.css");

/** The own account: profile, password, sessions, API keys. */
export function Account() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/auth/me", { signal }), []);
  if (session.value?.mode === "single-user")
    return (
      <Page title={t("title")}>
        <EmptyState
          icon="person"
          title={t("nobody_title")}
          text={t("nobody_text")}
          action={
            <ButtonLink href="/setup" kind="primary">
              {t("nobody_act")}
            </ButtonLink>
          }
        />
      </Page>
    );
  return (
    <Page title={t("title")} class="page-narrow">
      {error && <ErrorBox error={error} onRetry={reload} />}
      {!data && !error && <Skeleton lines={6} />}
      {data && (
        <>
          <Profile user={data} onSaved={reload} />
          <ChangePassword user={data} />
          <Sessions />
          <ApiKeys />
        </>
      )}
    </Page>
  );
}
