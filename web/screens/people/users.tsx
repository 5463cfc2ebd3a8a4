import { useEffect, useRef, useState } from "preact/hooks";
import type { User } from "@simpletuner-cloud/contract/users.ts";
import { call, useLoad } from "../../api.ts";
import { Button } from "../../components/button.tsx";
import { EmptyState } from "../../components/empty-state.tsx";
import { ErrorBox } from "../../components/error-box.tsx";
import { Icon } from "../../components/icon.tsx";
import { Link } from "../../components/link.tsx";
import { Skeleton } from "../../components/skeleton.tsx";
import { Time } from "../../components/time.tsx";
import { route, setQuery } from "../../router.ts";
import { session } from "../../session.ts";
import { NewUser } from "./new-user.tsx";
import { PeoplePage } from "./people-page.tsx";
import { RegistrationPanel } from "./registration.tsx";
import { UserState } from "./user-state.tsx";
import { t } from "./words.ts";

const pageSize = 50;

function Row({ user }: { user: User }) {
  const own = user.id === session.value?.user_id;
  return (
    <tr>
      <th scope="row">
        <Link href={`/admin/users/${encodeURIComponent(user.id)}`}>{user.display_name ?? user.username}</Link>
        {own && <span class="small muted"> ({t("you")})</span>}
        {user.display_name !== null && <span class="small muted under">{user.username}</span>}
      </th>
      <td class="wide-only">{user.email}</td>
      <td>{user.levels.map(({ name }) => name).join(", ") || "–"}</td>
      <td>
        <UserState user={user} />
      </td>
      <td class="nowrap wide-only">
        {user.last_login_at === null ? (
          <span class="muted">{t("never")}</span>
        ) : (
          <Time at={user.last_login_at} />
        )}
      </td>
    </tr>
  );
}

function UserTable({ users }: { users: readonly User[] }) {
  return (
    <div class="panel table-wrap">
      <table class="table people-table" aria-label={t("table")}>
        <thead>
          <tr>
            <th scope="col">{t("col_name")}</th>
            <th scope="col" class="wide-only">
              {t("col_email")}
            </th>
            <th scope="col">{t("col_levels")}</th>
            <th scope="col">{t("col_state")}</th>
            <th scope="col" class="wide-only">
              {t("col_seen")}
            </th>
          </tr>
        </thead>
        <tbody>
          {users.map((user) => (
            <Row key={user.id} user={user} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Filters({ text, inactive }: { text: string; inactive: boolean }) {
  const [typed, setTyped] = useState(text);
  const timer = useRef(0);
  useEffect(() => setTyped(text), [text]);
  return (
    <div class="row people-filters">
      <div class="search-field" role="search">
        <Icon name="search" />
        <input
          type="search"
          class="input"
          aria-label={t("search")}
          placeholder={t("search")}
          value={typed}
          onInput={(event) => {
            const next = event.currentTarget.value;
            setTyped(next);
            clearTimeout(timer.current);
            timer.current = window.setTimeout(
              () => setQuery({ q: next.trim() || null, offset: null }, { replace: true }),
              200,
            );
          }}
        />
      </div>
      <label class="check">
        <input
          type="checkbox"
          checked={inactive}
          onChange={(event) => setQuery({ inactive: event.currentTarget.checked ? "1" : null, offset: null })}
        />
        <span>{t("with_inactive")}</span>
      </label>
    </div>
  );
}

function Pages({ offset, total }: { offset: number; total: number }) {
  if (total <= pageSize) return null;
  const go = (to: number): void => setQuery({ offset: to > 0 ? String(to) : null });
  return (
    <div class="row">
      <Button disabled={offset === 0} icon="chevronLeft" onClick={() => go(offset - pageSize)}>
        {t("earlier")}
      </Button>
      <Button disabled={offset + pageSize >= total} icon="chevronRight" onClick={() => go(offset + pageSize)}>
        {t("later")}
      </Button>
    </div>
  );
}

function UserList() {
  const { query } = route.value;
  const text = query.get("q") ?? "";
  const inactive = query.get("inactive") === "1";
  const offset = Math.max(0, Math.trunc(Number(query.get("offset")) || 0));
  const { data, error, reload } = useLoad(
    (signal) =>
      call("GET /api/users", {
        query: { limit: pageSize, offset, include_inactive: inactive, ...(text && { q: text }) },
        signal,
      }),
    [text, inactive, offset],
    { keepPrevious: true },
  );
  return (
    <>
      <Filters text={text} inactive={inactive} />
      {error && <ErrorBox error={error} onRetry={reload} />}
      {!data && !error && <Skeleton lines={6} />}
      {data && (
        <>
          <p class="small muted" role="status">
            {t.n("count", data.total)}
          </p>
          {data.users.length === 0 ? <EmptyState text={t("none")} /> : <UserTable users={data.users} />}
          <Pages offset={offset} total={data.total} />
        </>
      )}
    </>
  );
}

/** Users: find, make, open; and whether people may make their own accounts. */
export function Users() {
  const [making, setMaking] = useState(false);
  const [round, setRound] = useState(0);
  return (
    <PeoplePage
      current="users"
      actions={
        <Button kind="primary" icon="plus" onClick={() => setMaking(true)}>
          {t("new_user")}
        </Button>
      }
    >
      <UserList key={round} />
      <RegistrationPanel />
      {making && <NewUser onClose={() => setMaking(false)} onMade={() => setRound(round + 1)} />}
    </PeoplePage>
  );
}
