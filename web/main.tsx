import { render } from "preact";
import { followActiveJobs } from "./active-jobs.ts";
import { App } from "./app.tsx";
import { startLive } from "./live.ts";
import { startRouter } from "./router.ts";
import { followSession } from "./session.ts";
import { followTheme } from "./theme.ts";

startLive();
followActiveJobs();
startRouter();
followTheme();
followSession();

const place = document.getElementById("app");
if (place) {
  place.replaceChildren();
  render(<App />, place);
}
