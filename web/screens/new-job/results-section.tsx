import type { Destination } from "@simpletuner-cloud/contract/destinations.ts";
import { DestinationChoice } from "../../components/destination-choice.tsx";
import { Notice } from "../../components/error-box.tsx";
import { Link } from "../../components/link.tsx";
import { may } from "../../session.ts";
import type { JobDraft } from "./draft.ts";
import { t } from "./words.ts";

/** The places that the draft's results go to beside this machine: those that were chosen, else the defaults. */
export function chosenPlaces(draft: JobDraft, destinations: readonly Destination[]): readonly Destination[] {
  const { destinations: chosen } = draft;
  return destinations.filter((each) => (chosen ? chosen.includes(each.destination_id) : each.is_default));
}

/** Section 4: where the results go. Nothing is asked where there is nothing to choose from. */
export function ResultsSection(props: {
  draft: JobDraft;
  /** Null: they could not be loaded. */
  destinations: readonly Destination[] | null;
  change: (changes: Partial<JobDraft>) => void;
}) {
  const { draft, destinations } = props;
  return (
    <section class="panel" aria-labelledby="section-results">
      <header class="panel-head">
        <h2 id="section-results">{t("results")}</h2>
      </header>
      <div class="panel-body stack">
        <p>
          {t("results_here")}{" "}
          {destinations?.length === 0 && (
            <span class="muted">
              {t("results_none")}{" "}
              {may("admin.config") && <Link href="/settings/destinations?edit=new">{t("results_add")}</Link>}
            </span>
          )}
        </p>
        {destinations === null && <Notice kind="warning">{t("results_failed")}</Notice>}
        {destinations !== null && destinations.length > 0 && (
          <DestinationChoice
            legend={t("results_also")}
            destinations={destinations}
            chosen={chosenPlaces(draft, destinations).map(({ destination_id }) => destination_id)}
            onChange={(chosen) => props.change({ destinations: chosen })}
          />
        )}
      </div>
    </section>
  );
}
