import { useRef, useState } from "preact/hooks";
import { Button, IconButton } from "./button.tsx";
import { toast } from "./toast.tsx";
import { t } from "./words.ts";

/** Copies `text`; with `label` a button with words, else an icon named "Copy". */
export function CopyButton({ text, label }: { text: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  const timer = useRef(0);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      clearTimeout(timer.current);
      timer.current = window.setTimeout(() => setCopied(false), 2000);
    } catch {
      // Plain-http pages have no clipboard.
      toast({ kind: "warning", text: t("copy_failed") });
    }
  };
  const icon = copied ? "check" : "copy";
  if (!label)
    return <IconButton icon={icon} label={copied ? t("copied") : t("copy")} onClick={() => void copy()} />;
  return (
    <Button size="small" icon={icon} onClick={() => void copy()}>
      {copied ? t("copied") : label}
    </Button>
  );
}
