import type { Provider } from "@simpletuner-cloud/contract/providers.ts";
import { Choice, Field } from "../../components/field.tsx";
import { Link } from "../../components/link.tsx";
import { formatMoney } from "../../i18n.ts";
import { providerWord } from "../../provider-words.ts";
import { may } from "../../session.ts";
import type { JobDraft } from "./draft.ts";
import { t } from "./words.ts";

/** True when the provider takes jobs now. */
export function takesJobs(provider: Provider): boolean {
  return provider.configured && !provider.coming_soon && provider.unavailable_reason === null;
}

function providerText(provider: Provider): string {
  if (!provider.configured) return [t("not_set_up"), provider.unavailable_reason].filter(Boolean).join(". ");
  const known = (["local", "replicate"] as const).find((id) => id === provider.id);
  const words = known ? t(`provider_${known}_text`) : provider.description;
  return [words, provider.trainer?.detail, provider.unavailable_reason].filter(Boolean).join(" ");
}

/** Section 2: the place that trains, and how it gets the images. */
export function WhereSection(props: {
  draft: JobDraft;
  providers: readonly Provider[];
  change: (changes: Partial<JobDraft>) => void;
}) {
  const { draft, change } = props;
  // What does not exist yet is no choice; what only needs setting up is shown with that reason.
  const offered = props.providers.filter((provider) => !provider.coming_soon);
  const chosen = offered.find((provider) => provider.id === draft.provider);
  return (
    <section class="panel" aria-labelledby="section-where">
      <header class="panel-head">
        <h2 id="section-where">{t("where")}</h2>
      </header>
      <div class="panel-body stack">
        <Choice
          legend={t("provider")}
          name="provider"
          value={draft.provider}
          options={offered.map((provider) => ({
            value: provider.id,
            title: providerWord(provider.id),
            text: providerText(provider),
            disabled: !takesJobs(provider),
          }))}
          onChange={(provider) => {
            const inPlace = offered.find((each) => each.id === provider)?.capabilities.reads_in_place;
            change({ provider, hardware: null, ...(!inPlace && { transfer: "package" as const }) });
          }}
        />
        {may("admin.config") && offered.some((provider) => !provider.configured) && (
          <p class="small">
            <Link href="/providers">{t("set_up_provider")}</Link>
          </p>
        )}
        {chosen && chosen.hardware.length > 1 && (
          <Field label={t("hardware")}>
            {(attributes) => (
              <select
                class="input"
                {...attributes}
                value={draft.hardware ?? chosen.hardware[0]?.id ?? ""}
                onChange={(event) => change({ hardware: event.currentTarget.value })}
              >
                {chosen.hardware.map(({ id, name, cost_per_hour_usd: usd }) => (
                  <option key={id} value={id}>
                    {name} · {usd === null ? t("no_price") : t("per_hour", { money: formatMoney(usd) })}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        {chosen?.capabilities.reads_in_place && (
          <Choice
            legend={t("transfer")}
            name="transfer"
            value={draft.transfer}
            options={[
              { value: "in_place", title: t("in_place"), text: t("in_place_text") },
              { value: "package", title: t("package"), text: t("package_text") },
            ]}
            onChange={(transfer) => change({ transfer })}
          />
        )}
      </div>
    </section>
  );
}
