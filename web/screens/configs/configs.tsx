import { useState } from "preact/hooks";
import type { ConfigSummary } from "@simpletuner-cloud/contract/configs.ts";
import { call, useLoad } from "../../api.ts";
import { ButtonLink } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Link } from "../../components/link.tsx";
import { MenuButton, type MenuItem } from "../../components/menu.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { Time } from "../../components/time.tsx";
import { formatNumber } from "../../i18n.ts";
import { navigate } from "../../router.ts";
import { may } from "../../session.ts";
import { DeleteConfigDialog } from "./delete-config-dialog.tsx";
import { t } from "./words.ts";

const pageOf = (name: string): string => `/configs/edit?name=${encodeURIComponent(name)}`;
const trainWith = (name: string): string => `/jobs/new?config=${encodeURIComponent(name)}`;

function Row({ config, onDelete }: { config: ConfigSummary; onDelete: () => void }) {
  const { name } = config;
  const items: (MenuItem | false)[] = [
    { key: "open", icon: "edit", text: t("edit"), run: () => navigate(pageOf(name)) },
    {
      key: "versions",
      icon: "clock",
      text: t("versions"),
      run: () => navigate(`/configs/versions?name=${encodeURIComponent(name)}`),
    },
    may("job.submit") && {
      key: "train",
      icon: "play",
      text: t("train"),
      run: () => navigate(trainWith(name)),
    },
    may("config.delete.own") && {
      key: "delete",
      icon: "trash",
      text: t("delete"),
      danger: true,
      run: onDelete,
    },
  ];
  return (
    <tr>
      <td class="config-name">
        <Link href={pageOf(name)} class="cut">
          {name}
        </Link>
      </td>
      <td class="config-model muted cut">{config.model_family ?? "–"}</td>
      <td class="config-steps">
        {config.max_train_steps === null ? "–" : formatNumber(config.max_train_steps)}
      </td>
      <td class="config-age muted nowrap">
        <Time at={config.updated_at} />
      </td>
      <td class="config-acts">
        {may("job.submit") && (
          <ButtonLink href={trainWith(name)} size="small" icon="play" class="config-train">
            {t("train")}
          </ButtonLink>
        )}
        <MenuButton label={t("acts", { name })} items={items.filter((item) => item !== false)} />
      </td>
    </tr>
  );
}

/** The saved configurations. */
export function Configs() {
  const { data, error, reload } = useLoad((signal) => call("GET /api/configs", { signal }), []);
  const [deleting, setDeleting] = useState<string | null>(null);
  const versions = (
    <ButtonLink href="/configs/versions" kind="quiet">
      {t("versions")}
    </ButtonLink>
  );
  const create = may("config.create") && (
    <ButtonLink href="/configs/new" icon="plus">
      {t("new")}
    </ButtonLink>
  );
  return (
    <Page
      title={t("title")}
      actions={
        <>
          {versions}
          {create}
        </>
      }
    >
      <p class="muted configs-about">{t("about")}</p>
      {error && <ErrorBox error={error} onRetry={reload} />}
      {!data && !error && <Skeleton lines={5} height="2.5rem" />}
      {data?.configs.length === 0 && (
        <EmptyState icon="sliders" title={t("none_title")} text={t("none_text")} action={create} />
      )}
      {data && data.configs.length > 0 && (
        <div class="panel">
          <table class="table configs-table" aria-label={t("table")}>
            <thead>
              <tr>
                <th scope="col">{t("col_name")}</th>
                <th scope="col" class="config-model">
                  {t("col_model")}
                </th>
                <th scope="col" class="config-steps">
                  {t("col_steps")}
                </th>
                <th scope="col" class="config-age">
                  {t("col_changed")}
                </th>
                <th scope="col" class="config-acts">
                  <span class="only-read">{t("col_acts")}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.configs.map((config) => (
                <Row key={config.name} config={config} onDelete={() => setDeleting(config.name)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {deleting !== null && (
        <DeleteConfigDialog name={deleting} onClose={() => setDeleting(null)} onDone={reload} />
      )}
    </Page>
  );
}
