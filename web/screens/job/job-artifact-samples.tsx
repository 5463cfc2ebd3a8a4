import { useState } from "preact/hooks";
import type { Artifact } from "@simpletuner-cloud/contract/results.ts";
import { Button } from "../../components/button.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Picture } from "../../components/sample-gallery-picture.tsx";
import { hrefWith } from "../../router.ts";
import { fileName, previewOf } from "./artifact-groups.ts";
import { t } from "./artifact-words.ts";

/** Pictures drawn before the grid is asked for more. */
const firstPictures = 24;
const morePictures = 120;

/** The samples of a job as small pictures, newest step first; each opens large. */
export function SampleThumbs({ files }: { files: readonly Artifact[] }) {
  const [shown, setShown] = useState(firstPictures);
  const rest = files.length - shown;
  return (
    <div class="panel panel-body stack">
      <ul class="thumbs">
        {files.slice(0, shown).map((artifact) => (
          <li key={artifact.key}>
            <Link class="thumb" href={hrefWith({ file: artifact.key })} data-file={artifact.key}>
              {previewOf(artifact.key) === "image" ? (
                <Picture artifact={artifact} alt={fileName(artifact.key)} />
              ) : (
                <span class="picture-missing">
                  <Icon name="file" />
                  {fileName(artifact.key)}
                </span>
              )}
              {artifact.step !== null && (
                <span class="gallery-name number">{t("checkpoint", { step: artifact.step })}</span>
              )}
            </Link>
          </li>
        ))}
      </ul>
      {rest > 0 && (
        <p>
          <Button size="small" onClick={() => setShown(shown + morePictures)}>
            {t.n("show_more", Math.min(rest, morePictures))}
          </Button>
        </p>
      )}
    </div>
  );
}
