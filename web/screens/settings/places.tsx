import type { Permission } from "@simpletuner-cloud/contract/permissions.ts";
import { Icon, type IconName } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { may, session } from "../../session.ts";
import { t } from "./words.ts";

interface SettingsPlace {
  href: string;
  icon: IconName;
  title: () => string;
  text: () => string;
  needs: Permission;
}

/** Parts of the settings that have a page of their own; a new one is one entry here. */
const places: readonly SettingsPlace[] = [
  {
    href: "/providers",
    icon: "cube",
    title: () => t("providers"),
    text: () => t("providers_text"),
    needs: "config.view",
  },
  {
    href: "/settings/destinations",
    icon: "upload",
    title: () => t("destinations"),
    text: () => t("destinations_text"),
    needs: "config.view",
  },
  {
    href: "/admin/users",
    icon: "people",
    title: () => t("people"),
    text: () => t(session.value?.mode === "single-user" ? "people_add" : "people_text"),
    needs: "admin.users",
  },
  {
    href: "/settings/health",
    icon: "monitor",
    title: () => t("health"),
    text: () => t("health_text"),
    needs: "config.view",
  },
  {
    href: "/settings/metrics",
    icon: "chart",
    title: () => t("metrics"),
    text: () => t("metrics_text"),
    needs: "admin.config",
  },
  {
    href: "/settings/audit",
    icon: "shield",
    title: () => t("audit"),
    text: () => t("audit_text"),
    needs: "admin.audit",
  },
  {
    href: "/settings/backups",
    icon: "copy",
    title: () => t("backups"),
    text: () => t("backups_text"),
    needs: "admin.backup",
  },
  {
    href: "/settings/rate-limits",
    icon: "clock",
    title: () => t("rate_limits"),
    text: () => t("rate_limits_text"),
    needs: "admin.config",
  },
];

/** Links to the parts of the settings the user may open; nothing where there is none. */
export function SettingsPlaces() {
  const mine = places.filter(({ needs }) => may(needs));
  if (mine.length === 0) return null;
  return (
    <nav class="panel settings-places" aria-label={t("more")}>
      {mine.map(({ href, icon, title, text }) => (
        <Link key={href} href={href} class="settings-place">
          <Icon name={icon} />
          <span>
            <strong>{title()}</strong>
            <span class="small muted">{text()}</span>
          </span>
        </Link>
      ))}
    </nav>
  );
}
