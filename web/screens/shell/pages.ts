import type { Permission } from "@simpletuner-cloud/contract/permissions.ts";
import type { IconName } from "../../components/icon.tsx";
import { may, session } from "../../session.ts";
import { t } from "./words.ts";

/** One page of the menu. */
export interface MenuPage {
  href: string;
  icon: IconName;
  word: () => string;
  needs: Permission;
  /** Only where people sign in; one person alone has no use for it. */
  withAccounts?: true;
}

const pages: readonly MenuPage[] = [
  { href: "/", icon: "home", word: () => t("home"), needs: "job.view.own" },
  { href: "/jobs", icon: "jobs", word: () => t("jobs"), needs: "job.view.own" },
  { href: "/queue", icon: "queue", word: () => t("queue"), needs: "queue.view" },
  { href: "/cost", icon: "coin", word: () => t("cost"), needs: "job.view.own" },
  { href: "/configs", icon: "sliders", word: () => t("configs"), needs: "config.view" },
  { href: "/admin/users", icon: "people", word: () => t("people"), needs: "admin.users", withAccounts: true },
  { href: "/settings", icon: "gear", word: () => t("settings"), needs: "config.view" },
];

/** The pages the user may open, in the menu's order. */
export function menuPages(): MenuPage[] {
  const alone = session.value?.mode !== "multi-user";
  return pages.filter((page) => may(page.needs) && !(page.withAccounts && alone));
}

/** True when `path` belongs to the menu page at `href`; `/jobs/new` counts as a page of its own. */
export function isPageCurrent(href: string, path: string): boolean {
  if (href === "/") return path === "/";
  if (href === "/jobs" && path === "/jobs/new") return false;
  if (href === "/admin/users") return path.startsWith("/admin/");
  return path === href || path.startsWith(`${href}/`);
}
