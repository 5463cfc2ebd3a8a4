import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { t as shared } from "../../components/words.ts";
import { toast } from "../../components/toast.tsx";
import { curlCommand, placeOf } from "./artifact-commands.ts";
import { t } from "./artifact-words.ts";

/** Puts a file's address, its path on the server's disk, or a command that fetches it on the clipboard, and says so. */
export async function copyArtifact(artifact: Artifact, what: "link" | "path" | "curl"): Promise<void> {
  const texts = {
    link: new URL(artifact.url, location.origin).href,
    path: artifact.path ?? artifact.key,
    curl: curlCommand(placeOf(location), artifact),
  };
  try {
    await navigator.clipboard.writeText(texts[what]);
    toast({ kind: "success", text: t(`done_${what}`) });
  } catch {
    // Plain-http pages have no clipboard.
    toast({ kind: "warning", text: shared("copy_failed") });
  }
}
