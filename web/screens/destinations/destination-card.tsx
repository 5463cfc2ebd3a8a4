import { useState } from "preact/hooks";
import type { Destination, LastDelivery } from "@simpletuner-cloud/contract/destinations.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { Notice } from "../../components/error-box.tsx";
import { Icon, type IconName } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { MenuButton } from "../../components/menu.tsx";
import { Time } from "../../components/time.tsx";
import { serverText } from "../../server-text.ts";
import { may } from "../../session.ts";
import { placeText, serviceName } from "./services.ts";
import { TestResult, type Tested } from "./test-result.tsx";
import { t } from "./words.ts";

const looks: Readonly<Record<LastDelivery["status"], { icon: IconName; state: string }>> = {
  waiting: { icon: "clock", state: "pending" },
  running: { icon: "sending", state: "running" },
  delivered: { icon: "tick", state: "completed" },
  failed: { icon: "fail", state: "failed" },
  cancelled: { icon: "slash", state: "cancelled" },
};

function Last({ last }: { last: LastDelivery | null }) {
  if (last === null) return may("job.view.all") ? <p class="small muted">{t("last_none")}</p> : null;
  const { icon, state } = looks[last.status];
  return (
    <div class="small">
      <p class="destination-last">
        <span class={`destination-state state-${state}`}>
          <Icon name={icon} />
          {t(`last_${last.status}`)}
        </span>
        <Time at={last.updated_at} />
        <Link href={`/jobs/${encodeURIComponent(last.job_id)}`}>{t("open_job")}</Link>
      </p>
      {last.error_message !== null && <p class="destination-error">{serverText(last.error_message)}</p>}
    </div>
  );
}

/** What can be done with a destination. */
export interface DestinationActs {
  onEdit: (destination: Destination) => void;
  onRemove: (destination: Destination) => void;
  onDefault: (destination: Destination) => void;
}

/** A destination: where it is, whether it works, and what can be done with it. */
export function DestinationCard({ destination, acts }: { destination: Destination; acts: DestinationActs }) {
  const { destination_id, name, settings, is_default: isDefault, problem } = destination;
  const [testing, setTesting] = useState(false);
  const [tested, setTested] = useState<Tested | null>(null);
  const test = async (): Promise<void> => {
    setTesting(true);
    setTested(null);
    const outcome = await call("POST /api/cloud/destinations/{destination_id}/test", {
      params: { destination_id },
    }).catch(asError);
    setTested({ at: new Date().toISOString(), outcome });
    setTesting(false);
  };
  return (
    <li class="panel destination">
      <div class="destination-what">
        <h2>
          {name} {isDefault && <span class="chip">{t("default")}</span>}
        </h2>
        <p class="small muted">{serviceName(settings)}</p>
        <p>
          <code dir="ltr">{placeText(settings)}</code>
        </p>
        {problem !== null && <Notice kind="warning">{problem}</Notice>}
        <Last last={destination.last_delivery} />
        {tested && <TestResult tested={tested} />}
      </div>
      {may("admin.config") && (
        <div class="row destination-acts">
          <Button busy={testing} onClick={() => void test()} aria-label={`${t("test")} ${name}`}>
            {t(testing ? "testing" : "test")}
          </Button>
          <Button icon="edit" onClick={() => acts.onEdit(destination)} aria-label={`${t("edit")} ${name}`}>
            {t("edit")}
          </Button>
          <MenuButton
            label={t("acts", { name })}
            items={[
              {
                key: "default",
                icon: isDefault ? "minus" : "check",
                text: t(isDefault ? "drop_default" : "make_default"),
                run: () => acts.onDefault(destination),
              },
              {
                key: "remove",
                icon: "trash",
                text: t("remove"),
                danger: true,
                run: () => acts.onRemove(destination),
              },
            ]}
          />
        </div>
      )}
    </li>
  );
}
