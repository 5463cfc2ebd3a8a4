import type { DestinationTest } from "@simpletuner-cloud/contract/destinations.ts";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Time } from "../../components/time.tsx";
import { serverText } from "../../server-text.ts";
import { t } from "./words.ts";

/** What trying a destination found, and when. */
export interface Tested {
  at: string;
  outcome: DestinationTest | Error;
}

const icons = { good: "tick", bad: "fail", skipped: "slash" } as const;
const steps = ["connect", "write", "read", "list", "delete", "token", "repository"] as const;

function stepName(name: string): string {
  const known = steps.find((each) => each === name);
  return known ? t(`step_${known}`) : name;
}

/** The outcome of a test, step by step, with the server's sentence where one failed. */
export function TestResult({ tested }: { tested: Tested }) {
  const { outcome, at } = tested;
  if (outcome instanceof Error) return <ErrorBox error={outcome} />;
  return (
    <div class="destination-test" role="status">
      <p>
        <strong>{t(outcome.ok ? "test_ok" : "test_bad")}</strong>{" "}
        <span class="small muted">
          {t("test_at")} <Time at={at} />
        </span>
      </p>
      <ul>
        {outcome.steps.map(({ step, state, message }) => (
          <li key={step} class={`test-${state}`}>
            <Icon name={icons[state]} />
            <span>
              {stepName(step)}: {t(`step_${state}`)}
              {message !== null && <span class="test-message">{serverText(message)}</span>}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
