import { ApiError } from "./api.ts";
import { hindiErrors } from "./hindi-errors.ts";
import { language } from "./i18n.ts";
import { serverPhrase } from "./server-text.ts";

/** The sentence to show for an error, in the current language where it is known in it. */
export function errorText(error: Error): string {
  const sentence = error instanceof ApiError && language.value === "hi" ? hindiErrors[error.code] : undefined;
  if (!sentence || !(error instanceof ApiError)) return error.message;
  const details: Record<string, unknown> = { correlation_id: error.correlationId, ...error.details };
  return sentence.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = details[name];
    return serverPhrase(name, Array.isArray(value) ? value.join(", ") : String(value ?? "?"));
  });
}
