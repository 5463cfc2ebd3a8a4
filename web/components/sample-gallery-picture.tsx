import { useState } from "preact/hooks";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { Icon } from "./icon.tsx";
import { t } from "./sample-gallery-words.ts";

/**
 * A sample picture, loaded when it comes near the screen. One that is shown at twice its size or more keeps its pixels
 * sharp: small models draw small pictures, and blur would hide what they learned.
 */
export function Picture(props: { artifact: Artifact; alt: string; eager?: boolean }) {
  const [failed, setFailed] = useState<string | null>(null);
  const [small, setSmall] = useState(false);
  const { url } = props.artifact;
  if (failed === url) {
    return (
      <span class="picture-failed">
        <Icon name="warning" />
        {t("failed")}
      </span>
    );
  }
  return (
    <img
      class={small ? "picture picture-small" : "picture"}
      src={url}
      alt={props.alt}
      loading={props.eager ? "eager" : "lazy"}
      decoding="async"
      draggable={false}
      onLoad={({ currentTarget }) => setSmall(currentTarget.naturalWidth * 2 <= currentTarget.clientWidth)}
      onError={() => setFailed(url)}
    />
  );
}
