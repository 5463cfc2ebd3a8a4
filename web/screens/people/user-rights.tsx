import { useState } from "preact/hooks";
import type { PermissionVerdict, User } from "@simpletuner-cloud/contract/users.ts";
import { asError, call, useLoad } from "../../api.ts";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { may } from "../../session.ts";
import { levelText, useLevels } from "./level-select.tsx";
import { t } from "./words.ts";

type Rule = "levels" | "always" | "never";

/** Why a user may do something or may not, in words. */
function reason({ because, levels }: PermissionVerdict): string {
  const list = levels.join(", ");
  if (because === "level") return t("why_level", { levels: list });
  if (because === "denied" && list !== "") return t("why_denied_level", { levels: list });
  return t(`why_${because}`);
}

function Row(props: {
  verdict: PermissionVerdict;
  rule: Rule;
  changeable: boolean;
  onRule: (rule: Rule) => void;
}) {
  const { permission, allowed } = props.verdict;
  return (
    <tr>
      <th scope="row">
        <code dir="ltr">{permission}</code>
      </th>
      <td class={allowed ? "may-yes" : "may-no"}>
        <Icon name={allowed ? "tick" : "slash"} />
        <span>{t(allowed ? "yes" : "no")}</span>
      </td>
      <td class="small muted">{reason(props.verdict)}</td>
      <td>
        <select
          class="input"
          aria-label={t("rule_of", { permission })}
          value={props.rule}
          disabled={!props.changeable}
          onChange={(event) => props.onRule(event.currentTarget.value as Rule)}
        >
          <option value="levels">{t("by_levels")}</option>
          <option value="always">{t("always")}</option>
          <option value="never">{t("never_rule")}</option>
        </select>
      </td>
    </tr>
  );
}

function LevelChecks(props: {
  user: User;
  changeable: boolean;
  onToggle: (name: string, held: boolean) => void;
}) {
  const levels = useLevels();
  const held = new Set(props.user.levels.map(({ id }) => id));
  return (
    <fieldset class="permission-checks" disabled={!props.changeable}>
      <legend>{t("levels")}</legend>
      {levels.map((level) => (
        <label key={level.id} class="check">
          <input
            type="checkbox"
            checked={held.has(level.id)}
            onChange={(event) => {
              const on = event.currentTarget.checked;
              // What the server says is shown; a refusal leaves it as it was.
              event.currentTarget.checked = !on;
              props.onToggle(level.name, on);
            }}
          />
          <span>
            <strong>{level.name}</strong> <span class="small muted">{levelText(level)}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function VerdictTable(props: {
  verdicts: readonly PermissionVerdict[];
  ruleOf: (permission: string) => Rule;
  changeable: boolean;
  onRule: (permission: string, rule: Rule) => void;
}) {
  const [text, setText] = useState("");
  const shown = props.verdicts.filter(({ permission }) => permission.includes(text.trim().toLowerCase()));
  return (
    <>
      <input
        type="search"
        class="input"
        aria-label={t("find_permission")}
        placeholder={t("find_permission")}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <div class="table-wrap rights-wrap" tabIndex={0} role="region" aria-label={t("permission")}>
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{t("permission")}</th>
              <th scope="col">{t("allowed")}</th>
              <th scope="col">{t("why")}</th>
              <th scope="col">{t("rule")}</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((verdict) => (
              <Row
                key={verdict.permission}
                verdict={verdict}
                rule={props.ruleOf(verdict.permission)}
                changeable={props.changeable}
                onRule={(rule) => props.onRule(verdict.permission, rule)}
              />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** What a user may do and why, and changing it. */
export function UserRights({ user, onChanged }: { user: User; onChanged: () => void }) {
  const params = { user_id: user.id };
  const { data, error, reload } = useLoad(
    (signal) => call("GET /api/users/{user_id}/permissions", { params, signal }),
    [user.id, user.levels.length],
  );
  const [failure, setFailure] = useState<Error | null>(null);
  const changeable = may("admin.levels");
  const act = async (work: () => Promise<unknown>): Promise<void> => {
    setFailure(null);
    try {
      await work();
    } catch (thrown) {
      setFailure(asError(thrown));
    }
    onChanged();
    reload();
  };
  const toggle = (level_name: string, held: boolean): Promise<void> =>
    act(() =>
      held
        ? call("POST /api/users/{user_id}/levels", { params, body: { level_name } })
        : call("DELETE /api/users/{user_id}/levels/{level_name}", { params: { ...params, level_name } }),
    );
  const setRule = (permission_name: string, rule: Rule): Promise<void> =>
    act(() =>
      rule === "levels"
        ? call("DELETE /api/users/{user_id}/permissions/{permission_name}", {
            params: { ...params, permission_name },
          })
        : call("POST /api/users/{user_id}/permissions", {
            params,
            body: { permission_name, granted: rule === "always" },
          }),
    );
  const ruleOf = (permission: string): Rule => {
    const override = data?.overrides.find((one) => one.permission === permission);
    return override ? (override.granted ? "always" : "never") : "levels";
  };
  return (
    <section class="panel" aria-labelledby="user-rights">
      <header class="panel-head">
        <h2 id="user-rights">{t("rights", { name: user.username })}</h2>
      </header>
      <div class="panel-body stack">
        <p class="small muted">{t(changeable ? "rights_text" : "rights_levels_text")}</p>
        {error && <ErrorBox error={error} onRetry={reload} />}
        {failure && <ErrorBox error={failure} />}
        <LevelChecks user={user} changeable={changeable} onToggle={(name, held) => void toggle(name, held)} />
        {!data && !error && <Skeleton lines={4} />}
        {data && (
          <VerdictTable
            verdicts={data.permissions}
            ruleOf={ruleOf}
            changeable={changeable}
            onRule={(permission, rule) => void setRule(permission, rule)}
          />
        )}
      </div>
    </section>
  );
}
