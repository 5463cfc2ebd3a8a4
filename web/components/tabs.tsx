import { formatNumber } from "../i18n.ts";
import { Link } from "./link.tsx";

/** One tab: a place of its own, so that its address can be shared. */
export interface Tab {
  key: string;
  text: string;
  href: string;
  count?: number | undefined;
}

/** A row of links to the parts of a page; `current` is the key of the part on screen. */
export function Tabs({ label, tabs, current }: { label: string; tabs: readonly Tab[]; current: string }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <Link
          key={tab.key}
          href={tab.href}
          class="tab"
          aria-current={tab.key === current ? "page" : undefined}
        >
          {tab.text}
          {tab.count !== undefined && <span class="tab-count">{formatNumber(tab.count)}</span>}
        </Link>
      ))}
    </nav>
  );
}
