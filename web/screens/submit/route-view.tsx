import type { DatasetPlan, RouteNote, RouteRefusal } from "@simpletuner-cloud/contract/data-consent.ts";
import type { ErrorCode } from "@simpletuner-cloud/contract/errors.ts";
import { ApiError } from "../../api.ts";
import { Notice } from "../../components/error-box.tsx";
import { Icon, type IconName } from "../../components/icon.tsx";
import { errorText } from "../../error-text.ts";
import { formatBytes } from "../../i18n.ts";
import { t } from "./route-words.ts";

type Way = DatasetPlan["route"]["way"];

interface Stop {
  icon: IconName;
  title: string;
  text: string;
}

/** Where the datasets stop on their way; of ways that stay on this machine there is nothing to draw. */
function stopsOf(way: Way): Stop[] {
  const here: Stop = { icon: "monitor", title: t("here"), text: t("here_text") };
  const trainer: Stop = { icon: "bolt", title: t("trainer"), text: t("trainer_text") };
  switch (way) {
    case "hub":
      return [here, { icon: "lock", title: t("hub"), text: t("hub_text") }, trainer];
    case "upload":
      return [here, { icon: "upload", title: t("upload"), text: t("upload_text") }, trainer];
    case "staged":
      return [here, { icon: "download", title: t("staged"), text: t("staged_text") }, trainer];
    default:
      return [];
  }
}

function Stops({ way }: { way: Way }) {
  const stops = stopsOf(way);
  if (stops.length === 0) return null;
  return (
    <ol class="route" aria-label={t("way_name")}>
      {stops.map(({ icon, title, text }) => (
        <li key={title}>
          <Icon name={icon} />
          <span>
            <strong>{title}</strong>
            <span class="small muted">{text}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}

/** What travels against what is taken at most. */
function SizeBar({ size, limit }: { size: number; limit: number }) {
  const over = size > limit;
  const words = t("size_of", { size: formatBytes(size), limit: formatBytes(limit) });
  return (
    <div class={`route-size ${over ? "route-size-over" : ""}`}>
      <p class="route-size-words">
        <span>{t("size")}</span>
        <span class="number">{words}</span>
      </p>
      <div
        class="progress"
        role="meter"
        aria-label={t("size")}
        aria-valuemin={0}
        aria-valuemax={limit}
        aria-valuenow={Math.min(size, limit)}
        aria-valuetext={words}
      >
        <div class="progress-fill" style={{ transform: `scaleX(${Math.min(1, size / limit)})` }} />
      </div>
    </div>
  );
}

const known = [
  "hub_token_sent",
  "hub_read_only",
  "nsfw_check",
  "option_overridden",
  "webhook_replaced",
  "path_not_carried",
] as const;

function noteText({ code, message }: RouteNote): string {
  const own = known.find((each) => each === code);
  return own ? t(`note_${own}`) : message;
}

function Notes({ notes }: { notes: readonly RouteNote[] }) {
  if (notes.length === 0) return null;
  return (
    <section class="route-notes" aria-label={t("notes")}>
      <h3 class="small">{t("notes")}</h3>
      <ul>
        {notes.map((note) => (
          <li key={`${note.code} ${note.dataset_id} ${note.field}`}>
            <Icon name="info" />
            <span>
              {note.dataset_id !== null && <strong>{note.dataset_id} </strong>}
              {note.field !== null && <code dir="ltr">{note.field}</code>} {noteText(note)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function refusalText({ code, message, details }: RouteRefusal): string {
  const texts = Object.fromEntries(Object.entries(details).map(([name, value]) => [name, String(value)]));
  return errorText(new ApiError(422, code as ErrorCode, message, texts, ""));
}

/** How the datasets get to a trainer elsewhere: the way, the size against its limit, what differs there, or why not. */
export function RouteView({ route }: { route: DatasetPlan["route"] }) {
  const { way, size_bytes: size, limit_bytes: limit, notes, refusal } = route;
  return (
    <>
      {!refusal && <Stops way={way} />}
      {limit !== null && <SizeBar size={size} limit={limit} />}
      {refusal && (
        <div role="alert">
          <Notice kind="error">
            <strong>{t("refused")}</strong>
            <p>{refusalText(refusal)}</p>
          </Notice>
        </div>
      )}
      <Notes notes={notes} />
    </>
  );
}
