import type { ComponentChild } from "preact";
import type { Permission } from "@simpletuner-cloud/contract/permissions.ts";
import { lazyScreen } from "./lazy-screen.tsx";
import { onPrefetch } from "./prefetch.ts";
import { matchPath } from "./match-path.ts";
import { route } from "./router.ts";
import { Forbidden, NotFound } from "./screens/missing/missing.tsx";
import { Shell } from "./screens/shell/shell.tsx";
import { isSignedIn, may, session } from "./session.ts";
import { signInNeeded } from "./signing-in.ts";

const home = lazyScreen(() => import("./screens/home/home.tsx").then((module) => module.Home));
const jobs = lazyScreen(() => import("./screens/jobs/jobs.tsx").then((module) => module.Jobs));
const newJob = lazyScreen(() => import("./screens/new-job/new-job.tsx").then((module) => module.NewJob));
const queue = lazyScreen(() => import("./screens/queue/queue.tsx").then((module) => module.Queue));
const configs = lazyScreen(() => import("./screens/configs/configs.tsx").then((module) => module.Configs));
const cost = lazyScreen(() => import("./screens/cost/cost.tsx").then((module) => module.Cost));
const editConfig = lazyScreen(() =>
  import("./screens/configs/edit-config.tsx").then((module) => module.EditConfig),
);
const configVersions = lazyScreen(() =>
  import("./screens/config-versions/config-versions.tsx").then((module) => module.ConfigVersions),
);
const job = lazyScreen(() => import("./screens/job/job-screen.tsx").then((module) => module.JobScreen));
const backups = lazyScreen(() => import("./screens/backups/backups.tsx").then((module) => module.Backups));
const destinations = lazyScreen(() =>
  import("./screens/destinations/destinations.tsx").then((module) => module.Destinations),
);
const health = lazyScreen(() => import("./screens/health/health.tsx").then((module) => module.Health));
const metrics = lazyScreen(() => import("./screens/metrics/metrics.tsx").then((module) => module.Metrics));
const rateLimits = lazyScreen(() =>
  import("./screens/rate-limits/rate-limits.tsx").then((module) => module.RateLimits),
);
const audit = lazyScreen(() => import("./screens/audit/audit.tsx").then((module) => module.Audit));
const providers = lazyScreen(() =>
  import("./screens/providers/providers.tsx").then((module) => module.Providers),
);
const replicate = lazyScreen(() =>
  import("./screens/providers/replicate.tsx").then((module) => module.Replicate),
);
const settings = lazyScreen(() =>
  import("./screens/settings/settings.tsx").then((module) => module.Settings),
);

const login = lazyScreen(() => import("./screens/access/login.tsx").then((module) => module.Login));
const register = lazyScreen(() => import("./screens/access/login.tsx").then((module) => module.Register));
const setup = lazyScreen(() => import("./screens/access/setup.tsx").then((module) => module.Setup));
const invite = lazyScreen(() => import("./screens/access/invite.tsx").then((module) => module.Invite));
const locked = lazyScreen(() => import("./screens/access/locked.tsx").then((module) => module.Locked));
const signInAgain = lazyScreen(() =>
  import("./screens/access/sign-in-again.tsx").then((module) => module.SignInAgain),
);
const account = lazyScreen(() => import("./screens/account/account.tsx").then((module) => module.Account));
const users = lazyScreen(() => import("./screens/people/users.tsx").then((module) => module.Users));
const user = lazyScreen(() => import("./screens/people/user.tsx").then((module) => module.UserScreen));
const levels = lazyScreen(() => import("./screens/people/levels.tsx").then((module) => module.Levels));

/** Pages that need nobody to be signed in. */
const entrances: Readonly<Record<string, typeof login>> = {
  "/login": login,
  "/register": register,
  "/setup": setup,
  "/invite": invite,
};

interface Place {
  pattern: string;
  /** Null: everybody who is signed in. */
  needs: Permission | null;
  prefetch: () => void;
  show: (params: Record<string, string>) => ComponentChild;
}

const places: readonly Place[] = [
  { pattern: "/", needs: "job.view.own", prefetch: home.prefetch, show: () => <home.Screen /> },
  { pattern: "/jobs", needs: "job.view.own", prefetch: jobs.prefetch, show: () => <jobs.Screen /> },
  { pattern: "/jobs/new", needs: "job.submit", prefetch: newJob.prefetch, show: () => <newJob.Screen /> },
  {
    pattern: "/jobs/:id",
    needs: "job.view.own",
    prefetch: job.prefetch,
    show: ({ id = "" }) => <job.Screen jobId={id} />,
  },
  { pattern: "/queue", needs: "queue.view", prefetch: queue.prefetch, show: () => <queue.Screen /> },
  { pattern: "/cost", needs: "job.view.own", prefetch: cost.prefetch, show: () => <cost.Screen /> },
  { pattern: "/configs", needs: "config.view", prefetch: configs.prefetch, show: () => <configs.Screen /> },
  {
    pattern: "/configs/new",
    needs: "config.create",
    prefetch: editConfig.prefetch,
    show: () => <editConfig.Screen key="new" name={null} />,
  },
  {
    // The name is in the query: names may hold dots, and a path with a dot looks like a file to proxies.
    pattern: "/configs/edit",
    needs: "config.view",
    prefetch: editConfig.prefetch,
    show: () => (
      <editConfig.Screen key={route.value.query.get("name")} name={route.value.query.get("name")} />
    ),
  },
  {
    pattern: "/configs/versions",
    needs: "config.view",
    prefetch: configVersions.prefetch,
    show: () => <configVersions.Screen name={route.value.query.get("name")} />,
  },
  {
    pattern: "/settings/health",
    needs: "config.view",
    prefetch: health.prefetch,
    show: () => <health.Screen />,
  },
  {
    pattern: "/settings/metrics",
    needs: "admin.config",
    prefetch: metrics.prefetch,
    show: () => <metrics.Screen />,
  },
  {
    pattern: "/settings/audit",
    needs: "admin.audit",
    prefetch: audit.prefetch,
    show: () => <audit.Screen />,
  },
  {
    pattern: "/settings/destinations",
    needs: "config.view",
    prefetch: destinations.prefetch,
    show: () => <destinations.Screen />,
  },
  {
    pattern: "/settings/backups",
    needs: "admin.backup",
    prefetch: backups.prefetch,
    show: () => <backups.Screen />,
  },
  {
    pattern: "/settings/rate-limits",
    needs: "admin.config",
    prefetch: rateLimits.prefetch,
    show: () => <rateLimits.Screen />,
  },
  {
    pattern: "/providers",
    needs: "config.view",
    prefetch: providers.prefetch,
    show: () => <providers.Screen />,
  },
  {
    pattern: "/providers/replicate",
    needs: "admin.config",
    prefetch: replicate.prefetch,
    show: () => <replicate.Screen />,
  },
  {
    pattern: "/settings",
    needs: "config.view",
    prefetch: settings.prefetch,
    show: () => <settings.Screen />,
  },
  { pattern: "/account", needs: null, prefetch: account.prefetch, show: () => <account.Screen /> },
  { pattern: "/admin/users", needs: "admin.users", prefetch: users.prefetch, show: () => <users.Screen /> },
  {
    pattern: "/admin/users/:id",
    needs: "admin.users",
    prefetch: user.prefetch,
    show: ({ id = "" }) => <user.Screen key={id} userId={id} />,
  },
  {
    pattern: "/admin/levels",
    needs: "admin.levels",
    prefetch: levels.prefetch,
    show: () => <levels.Screen />,
  },
];

function findPlace(path: string): { place: Place; params: Record<string, string> } | null {
  for (const place of places) {
    const params = matchPath(place.pattern, path);
    if (params) return { place, params };
  }
  return null;
}

onPrefetch((path) => findPlace(path)?.place.prefetch());

function screenAt(path: string): ComponentChild {
  const found = findPlace(path);
  if (!found) return <NotFound />;
  const { place, params } = found;
  const { needs } = place;
  return needs === null || may(needs) ? place.show(params) : <Forbidden permission={needs} />;
}

/** The whole product: the shell around the screen of the current path, or a page before it. */
export function App() {
  const { path } = route.value;
  const entrance = entrances[path];
  if (entrance) return <entrance.Screen />;
  if (isSignedIn.value === false && !signInNeeded.value)
    return session.value?.mode === "single-user" ? <locked.Screen /> : <login.Screen />;
  return (
    <>
      <Shell>{screenAt(path)}</Shell>
      {signInNeeded.value && <signInAgain.Screen />}
    </>
  );
}
