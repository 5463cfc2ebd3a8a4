import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import type { EventType } from "@simpletuner-cloud/contract/event-types.ts";
import type { JobEvent } from "@simpletuner-cloud/contract/jobs.ts";
import { statusOrder, statusWord } from "../../components/status-badge.tsx";
import { formatBytes, formatDuration, words } from "../../i18n.ts";

const t = words({
  en: {
    created: "Created",
    status: "{previous} → {status}",
    cancel_requested: "Cancel was asked for",
    stopped_by_server: "The server stops it, because its budget is used up",
    plan: "Dataset planned: {files} files, {size}",
    plan_in_place: "Dataset read where it lies: {files} files, {size}",
    packaged: "Dataset packaged: {files} files, {size} in {time}",
    attempt: "Attempt {attempt} starts",
    attempt_resumed: "Attempt {attempt} resumes from step {step}",
    checkpoint: "Checkpoint saved at step {step}",
    sample: "Sample drawn at step {step}",
    artifact: "File delivered: {key}",
    deleted_file: "File deleted: {name}, {size}",
    deleted_folder: "Folder deleted: {name}, {files} files, {size}",
    pruned: "Older checkpoints deleted: {files} files, {size}; the last {kept} stay",
    report_ignored: "A late report was recorded, not applied",
    deleted: "Deleted",
    delivery_waiting: "Delivery to {place} waits",
    delivery_running: "Delivery to {place} begins",
    delivery_delivered: "Delivered to {place}",
    delivery_failed: "Delivery to {place} failed",
    delivery_cancelled: "Delivery to {place} cancelled",
    progress: "Progress",
  },
  hi: {
    created: "बनाया गया",
    status: "{previous} → {status}",
    cancel_requested: "रद्द करने को कहा गया",
    stopped_by_server: "बजट पूरा हो गया, इसलिए सर्वर इसे रोक रहा है",
    plan: "डेटासेट की योजना: {files} फ़ाइलें, {size}",
    plan_in_place: "डेटासेट अपनी जगह से पढ़ा जाएगा: {files} फ़ाइलें, {size}",
    packaged: "डेटासेट पैकेज हुआ: {files} फ़ाइलें, {size}, {time} में",
    attempt: "प्रयास {attempt} शुरू",
    attempt_resumed: "प्रयास {attempt} स्टेप {step} से आगे",
    checkpoint: "स्टेप {step} पर चेकपॉइंट सहेजा गया",
    sample: "स्टेप {step} पर नमूना बना",
    artifact: "फ़ाइल मिली: {key}",
    deleted_file: "फ़ाइल मिटाई गई: {name}, {size}",
    deleted_folder: "फ़ोल्डर मिटाया गया: {name}, {files} फ़ाइलें, {size}",
    pruned: "पुराने चेकपॉइंट मिटाए गए: {files} फ़ाइलें, {size}; आख़िरी {kept} बचे हैं",
    report_ignored: "देर से आई सूचना दर्ज की गई, लागू नहीं की गई",
    deleted: "मिटाया गया",
    delivery_waiting: "{place} को डिलीवरी प्रतीक्षा में",
    delivery_running: "{place} को डिलीवरी शुरू",
    delivery_delivered: "{place} को पहुँचाया गया",
    delivery_failed: "{place} को डिलीवरी विफल",
    delivery_cancelled: "{place} को डिलीवरी रद्द",
    progress: "प्रगति",
  },
});

type Data = Readonly<Record<string, unknown>>;

const number = (data: Data, name: string): number => (typeof data[name] === "number" ? data[name] : 0);
const text = (data: Data, name: string): string => (typeof data[name] === "string" ? data[name] : "");

function statusText(name: string): string {
  const known = statusOrder.find((status) => status === name);
  return known ? statusWord(known) : name;
}

const sentences: Record<Extract<EventType, `job.${string}`>, (data: Data) => string> = {
  "job.created": () => t("created"),
  "job.status": (data) =>
    t("status", { previous: statusText(text(data, "previous")), status: statusText(text(data, "status")) }),
  "job.cancel_requested": (data) => t(data["by"] === "server" ? "stopped_by_server" : "cancel_requested"),
  "job.plan": (data) =>
    t(data["consent"] === "in_place" ? "plan_in_place" : "plan", {
      files: number(data, "files"),
      size: formatBytes(number(data, "bytes")),
    }),
  "job.packaged": (data) =>
    t("packaged", {
      files: number(data, "files"),
      size: formatBytes(number(data, "bytes")),
      time: formatDuration(number(data, "seconds")),
    }),
  "job.attempt": (data) =>
    typeof data["resumed_from"] === "number"
      ? t("attempt_resumed", { attempt: number(data, "attempt"), step: data["resumed_from"] })
      : t("attempt", { attempt: number(data, "attempt") }),
  "job.checkpoint": (data) => t("checkpoint", { step: number(data, "step") }),
  "job.sample": (data) => t("sample", { step: number(data, "step") }),
  "job.artifact": (data) => t("artifact", { key: text(data, "key") }),
  "job.artifacts_deleted": (data) =>
    t(typeof data["prefix"] === "string" ? "deleted_folder" : "deleted_file", {
      name: text(data, "prefix") || text(data, "key"),
      files: number(data, "files"),
      size: formatBytes(number(data, "bytes")),
    }),
  "job.artifacts_pruned": (data) =>
    t("pruned", {
      files: number(data, "files"),
      size: formatBytes(number(data, "bytes")),
      kept: number(data, "kept"),
    }),
  "job.report_ignored": () => t("report_ignored"),
  "job.delivery": (data) => {
    const delivery = data["delivery"] as Partial<Delivery> | undefined;
    return t(`delivery_${delivery?.status ?? "waiting"}`, { place: delivery?.destination ?? "" });
  },
  "job.delivery_progress": () => t("progress"),
  "job.deleted": () => t("deleted"),
  "job.progress": () => t("progress"),
};

/** What an event says, in the reader's language; a type this page does not know is shown by its name. */
export function eventSentence(event: JobEvent): string {
  const sentence = (sentences as Partial<Record<string, (data: Data) => string>>)[event.type];
  return sentence ? sentence(event.data) : event.type;
}

/** The reason a change of state gave, or null. */
export function eventReason(event: JobEvent): string | null {
  return text(event.data, "reason") || null;
}
