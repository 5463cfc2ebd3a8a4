import { useState } from "preact/hooks";
import type { Destination } from "@simpletuner-cloud/contract/destinations.ts";
import { asError, call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ConfirmDialog } from "../../components/confirm-dialog.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { toast } from "../../components/toast.tsx";
import { route, setQuery } from "../../router.ts";
import { may } from "../../session.ts";
import { useReloadOn } from "../../use-reload-on.ts";
import { DestinationCard } from "./destination-card.tsx";
import { DestinationDialog } from "./destination-dialog.tsx";
import { t } from "./words.ts";

// Only this page needs these styles; its code waits for them, so that nothing is shown without.
await import("../../styles/destinations.css");

function RemoveDialog(props: { destination: Destination; onClose: () => void; onRemoved: () => void }) {
  const { destination_id, name } = props.destination;
  return (
    <ConfirmDialog
      title={t("remove_title", { name })}
      act={t("remove")}
      keep={t("keep")}
      onClose={props.onClose}
      onAct={async () => {
        await call("DELETE /api/cloud/destinations/{destination_id}", { params: { destination_id } });
        toast({ kind: "success", text: t("removed", { name }) });
        props.onRemoved();
      }}
    >
      <p>{t("remove_text")}</p>
    </ConfirmDialog>
  );
}

function List(props: {
  destinations: readonly Destination[];
  onReload: () => void;
  onFailed: (error: Error | null) => void;
}) {
  const { destinations, onReload, onFailed } = props;
  const [removing, setRemoving] = useState<Destination | null>(null);
  const switchDefault = async (destination: Destination): Promise<void> => {
    const { destination_id, name, settings } = destination;
    const isDefault = !destination.is_default;
    onFailed(null);
    try {
      await call("PUT /api/cloud/destinations/{destination_id}", {
        params: { destination_id },
        body: { name, settings, is_default: isDefault },
      });
      toast({ kind: "success", text: t(isDefault ? "default_on" : "default_off", { name }) });
      onReload();
    } catch (thrown) {
      onFailed(asError(thrown));
    }
  };
  const acts = {
    onEdit: ({ destination_id }: Destination) => setQuery({ edit: destination_id }),
    onRemove: setRemoving,
    onDefault: (destination: Destination) => void switchDefault(destination),
  };
  return (
    <>
      <ul class="destinations">
        {destinations.map((destination) => (
          <DestinationCard key={destination.destination_id} destination={destination} acts={acts} />
        ))}
      </ul>
      {removing && (
        <RemoveDialog destination={removing} onClose={() => setRemoving(null)} onRemoved={onReload} />
      )}
    </>
  );
}

/** Where finished models are brought beside this machine. The open form stands in the address (`?edit=`). */
export function Destinations() {
  const { data, error, reload } = useLoad(
    (signal) => call("GET /api/cloud/destinations", { query: { last_delivery: true }, signal }),
    [],
  );
  const [failure, setFailure] = useState<Error | null>(null);
  useReloadOn(["settings.changed", "job.delivery"], reload, undefined, 1_000);
  const destinations = data?.destinations ?? [];
  const edited = may("admin.config") ? route.value.query.get("edit") : null;
  const target = destinations.find(({ destination_id }) => destination_id === edited) ?? null;
  const add = may("admin.config") && (
    <Button kind="primary" icon="plus" onClick={() => setQuery({ edit: "new" })}>
      {t("add")}
    </Button>
  );
  return (
    <Page
      title={t("title")}
      class="page-narrow"
      above={
        <Link href="/settings" class="crumb">
          <Icon name="arrowLeft" />
          {t("all")}
        </Link>
      }
      actions={destinations.length > 0 && add}
    >
      <p class="muted">
        {t("about")} {destinations.length > 0 && !may("admin.config") && t("view_only")}
      </p>
      {error && <ErrorBox error={error} onRetry={reload} />}
      {failure && <ErrorBox error={failure} />}
      {!data && !error && <Skeleton lines={5} />}
      {data && destinations.length === 0 && (
        <EmptyState
          icon="upload"
          title={t("none_title")}
          text={t(may("admin.config") ? "none_text" : "none_view")}
          action={add}
        />
      )}
      <List destinations={destinations} onReload={reload} onFailed={setFailure} />
      {data && edited !== null && (edited === "new" || target) && (
        <DestinationDialog
          key={edited}
          destination={target}
          isFirst={destinations.length === 0}
          onClose={() => setQuery({ edit: null })}
          onSaved={reload}
        />
      )}
    </Page>
  );
}
