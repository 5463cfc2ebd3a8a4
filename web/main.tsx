import { render } from "preact";
import { followActiveJobs } from "./active-jobs.ts";
import { App } from "./app.tsx";
import { startLive } from "./live.ts";
import { startRouter } from "./router.ts";
import { followSession, isSignedIn, loadSession } from "./session.ts";
import { csrfToken } from "./signing-in.ts";
import { followTheme } from "./theme.ts";

startRouter();
followTheme();
followSession();

const asked = loadSession();
if (csrfToken() === null) {
  // Perhaps nobody is signed in: nothing is asked for, and no page shown, before that is known.
  await asked;
} else startLive();
if (isSignedIn.peek() !== false) followActiveJobs();

const place = document.getElementById("app");
if (place) {
  place.replaceChildren();
  render(<App />, place);
}
