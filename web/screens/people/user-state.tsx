import type { User } from "@simpletuner-cloud/contract/users.ts";
import { Icon, type IconName } from "../../components/icon.tsx";
import { t } from "./words.ts";

type State = "active" | "inactive" | "invited" | "locked" | "no_password";

const looks: Record<State, { icon: IconName; look: string }> = {
  active: { icon: "tick", look: "state-completed" },
  inactive: { icon: "slash", look: "state-cancelled" },
  invited: { icon: "clock", look: "state-pending" },
  locked: { icon: "lock", look: "state-failed" },
  no_password: { icon: "warning", look: "state-queued" },
};

function stateOf(user: User): State {
  if (!user.is_active) return "inactive";
  if (user.locked_until !== null) return "locked";
  if (user.has_password || user.auth_provider !== "password") return "active";
  const open = user.invite_expires_at !== null && Date.parse(user.invite_expires_at) > Date.now();
  return open ? "invited" : "no_password";
}

/** Whether a user can sign in, by icon, word and colour. */
export function UserState({ user }: { user: User }) {
  const state = stateOf(user);
  const { icon, look } = looks[state];
  return (
    <span class={`badge ${look}`}>
      <Icon name={icon} />
      {t(state)}
    </span>
  );
}
