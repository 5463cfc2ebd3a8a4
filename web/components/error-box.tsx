import type { ComponentChildren } from "preact";
import { ApiError } from "../api.ts";
import { errorText } from "../error-text.ts";
import { Button } from "./button.tsx";
import { CopyButton } from "./copy-button.tsx";
import { Icon } from "./icon.tsx";
import { t } from "./words.ts";

/** An error with what is wrong, the way out, and the request's id to copy; `onRetry` adds a button. */
export function ErrorBox({
  error,
  title,
  onRetry,
  children,
}: {
  error: Error;
  title?: string;
  onRetry?: () => void;
  children?: ComponentChildren;
}) {
  const correlationId = error instanceof ApiError ? error.correlationId : "";
  return (
    <div class="notice notice-error" role="alert">
      <Icon name="fail" />
      <div class="notice-body">
        <strong>{title ?? t("error_title")}</strong>
        <p>{errorText(error)}</p>
        {children}
        {correlationId && (
          <p class="notice-id">
            {t("error_id")}: <code dir="ltr">{correlationId}</code> <CopyButton text={correlationId} />
          </p>
        )}
        {onRetry && (
          <p>
            <Button size="small" icon="retry" onClick={onRetry}>
              {t("try_again")}
            </Button>
          </p>
        )}
      </div>
    </div>
  );
}

/** A plain notice in one of the state colours. */
export function Notice({
  kind,
  children,
}: {
  kind: "info" | "warning" | "success" | "error";
  children: ComponentChildren;
}) {
  const icon = { info: "info", warning: "warning", success: "tick", error: "fail" } as const;
  return (
    <div class={`notice notice-${kind}`}>
      <Icon name={icon[kind]} />
      <div class="notice-body">{children}</div>
    </div>
  );
}
