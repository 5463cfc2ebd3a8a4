import { useState } from "preact/hooks";
import { type CostLimitStatus, type PutCostLimit, spendPeriods } from "@simpletuner-cloud/contract/cost.ts";
import { asError, call } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Choice, Field } from "../../components/field.tsx";
import { toast } from "../../components/toast.tsx";
import { may } from "../../session.ts";
import { t } from "./words.ts";

/** What the form offers; `require_approval` is set on the command line and shows as what it does now. */
const actions = ["warn", "block", "stop"] as const;

interface Typed {
  amount: string;
  period: (typeof spendPeriods)[number];
  action: (typeof actions)[number];
  slice: string;
}

function typedOf(status: CostLimitStatus): Typed {
  const action = actions.find((known) => known === status.action);
  return {
    amount: status.limit_amount === null ? "" : String(status.limit_amount),
    period: status.period ?? "monthly",
    action: action ?? (status.action === null ? "warn" : "block"),
    slice: String(status.slice_minutes ?? 10),
  };
}

/** Dollars; null for an empty field, undefined for what is no amount. */
function amountOf(text: string): number | null | undefined {
  if (text.trim() === "") return null;
  const amount = Number(text.trim().replace(/^\$/, "").replace(",", "."));
  return amount >= 0.01 && amount <= 100_000_000 ? amount : undefined;
}

function sliceOf(text: string): number | undefined {
  const minutes = Number(text);
  return Number.isInteger(minutes) && minutes >= 2 && minutes <= 120 ? minutes : undefined;
}

interface FieldsProps {
  typed: Typed;
  change: (changes: Partial<Typed>) => void;
}

function AmountFields({ typed, change }: FieldsProps) {
  const isWrong = amountOf(typed.amount) === undefined;
  return (
    <div class="limit-fields">
      <Field label={t("amount")} hint={t("amount_hint")} error={isWrong ? t("amount_error") : null}>
        {(attributes) => (
          <input
            class="input"
            inputMode="decimal"
            {...attributes}
            value={typed.amount}
            onInput={(event) => change({ amount: event.currentTarget.value })}
          />
        )}
      </Field>
      <Field label={t("each")}>
        {(attributes) => (
          <select
            class="input"
            {...attributes}
            value={typed.period}
            onChange={(event) =>
              change({ period: spendPeriods.find((each) => each === event.currentTarget.value) ?? "monthly" })
            }
          >
            {spendPeriods.map((period) => (
              <option key={period} value={period}>
                {t(period)}
              </option>
            ))}
          </select>
        )}
      </Field>
    </div>
  );
}

/** The form that sets, changes and removes a limit; for those who may not, it says who may. */
export function LimitEditor({ status, onSaved }: { status: CostLimitStatus; onSaved: () => void }) {
  const [typed, setTyped] = useState(typedOf(status));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  if (!may("admin.config")) return <p class="small muted">{t("admin")}</p>;
  const change = (changes: Partial<Typed>): void => setTyped({ ...typed, ...changes });
  const amount = amountOf(typed.amount);
  const slice = sliceOf(typed.slice);
  const save = async (): Promise<void> => {
    if (amount === undefined || slice === undefined) return;
    const { period, action } = typed;
    const body: PutCostLimit = { provider: status.provider, amount, period, action, slice_minutes: slice };
    setBusy(true);
    setError(null);
    try {
      await call("PUT /api/cloud/cost-limit", { body });
      toast({ kind: "success", text: t(amount === null ? "removed" : "saved") });
      onSaved();
    } catch (thrown) {
      setError(asError(thrown));
    }
    setBusy(false);
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <AmountFields typed={typed} change={change} />
      <Choice
        legend={t("action")}
        name="limit-action"
        value={typed.action}
        options={actions.map((action) => ({ value: action, title: t(action), text: t(`${action}_text`) }))}
        onChange={(action) => change({ action })}
      />
      {typed.action === "stop" && (
        <Field
          label={t("slice")}
          hint={t("slice_hint")}
          error={slice === undefined ? t("slice_error") : null}
        >
          {(attributes) => (
            <input
              class="input limit-slice"
              inputMode="numeric"
              {...attributes}
              value={typed.slice}
              onInput={(event) => change({ slice: event.currentTarget.value })}
            />
          )}
        </Field>
      )}
      {error && <ErrorBox error={error} />}
      <div>
        <Button type="submit" busy={busy}>
          {t("save")}
        </Button>
      </div>
    </form>
  );
}
