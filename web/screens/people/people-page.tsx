import type { ComponentChildren } from "preact";
import { ButtonLink } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { Page } from "../../components/page.tsx";
import { Tabs } from "../../components/tabs.tsx";
import { may, session } from "../../session.ts";
import { t } from "./words.ts";

await import("../../styles/people.css");

/** The frame of users and levels; until there are accounts it says how they begin. */
export function PeoplePage(props: {
  current: "users" | "levels";
  actions?: ComponentChildren;
  children: ComponentChildren;
}) {
  if (session.value?.mode === "single-user")
    return (
      <Page title={t("title")}>
        <EmptyState
          icon="people"
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
  const tabs = [
    ...(may("admin.users") ? [{ key: "users", text: t("users"), href: "/admin/users" }] : []),
    ...(may("admin.levels") ? [{ key: "levels", text: t("levels"), href: "/admin/levels" }] : []),
  ];
  return (
    <Page title={t("title")} actions={props.actions}>
      <Tabs label={t("parts")} tabs={tabs} current={props.current} />
      {props.children}
    </Page>
  );
}
