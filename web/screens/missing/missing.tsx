import type { Permission } from "@simpletuner-cloud/contract/permissions.ts";
import { ButtonLink } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Page } from "../../components/page.tsx";
import { route } from "../../router.ts";
import { t } from "../shell/words.ts";

function Ways() {
  return (
    <>
      <ButtonLink href="/" kind="primary">
        {t("to_home")}
      </ButtonLink>
      <ButtonLink href="/jobs">{t("to_jobs")}</ButtonLink>
    </>
  );
}

/** An address that leads nowhere, and the ways on. */
export function NotFound() {
  return (
    <Page title={t("not_found_title")}>
      <EmptyState icon="unknown" text={t("not_found", { path: route.value.path })} action={<Ways />} />
    </Page>
  );
}

/** A page the user may not open: which permission it needs and who grants it. */
export function Forbidden({ permission }: { permission: Permission }) {
  return (
    <Page title={t("forbidden_title")}>
      <EmptyState icon="lock" text={t("forbidden", { permission })} action={<Ways />} />
    </Page>
  );
}
