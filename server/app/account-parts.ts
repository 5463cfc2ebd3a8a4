import type { Stores } from "../db/stores/open-stores.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";
import { askedOnce, requestAuthenticator } from "../http/authenticate.ts";
import { ownPages } from "../http/own-pages.ts";
import type { AllHandlers } from "../http/mount-api.ts";
import { accessWatch } from "../services/access-watch.ts";
import { shownUsers } from "../services/accounts.ts";
import { apiKeyService } from "../services/api-keys.ts";
import { authService } from "../services/auth.ts";
import { credentials as openCredentials } from "../services/credentials.ts";
import { denials } from "../services/denials.ts";
import { levelService } from "../services/levels.ts";
import { userService } from "../services/users.ts";
import type { AppOptions } from "./app-options.ts";

/** Who calls and what is found out about it. */
export function accountParts(options: AppOptions, stores: Stores, secrets: SecretBox) {
  const { log, now, config, accessToken } = options;
  const credentials = openCredentials({ ...stores, now });
  const watch = accessWatch({
    version: stores.access.version,
    onError: (error) => log.warn({ err: error }, "changes of rights were not looked for"),
  });
  stores.access.hearChanges(watch.changed);
  return {
    accessWatch: watch,
    credentials,
    authenticate: askedOnce(options.authenticate ?? requestAuthenticator(credentials, accessToken)),
    findCaller: options.findCaller ?? credentials.findCaller,
    ownPages: ownPages({
      publicUrl: config.publicUrl,
      csrfToken: (sessionId) => secrets.sign("csrf", [sessionId]),
      isCsrfToken: (sessionId, token) => secrets.verify("csrf", [sessionId], token),
    }),
    denials: denials({
      ...stores,
      now,
      onError: (error) => log.warn({ err: error }, "a refusal was not written down"),
    }),
  };
}

/** See {@link accountParts}. */
export type AccountParts = ReturnType<typeof accountParts>;

/** The use cases of accounts. */
export function accountHandlers(
  options: AppOptions,
  stores: Stores,
  { credentials }: AccountParts,
): Pick<AllHandlers, "auth" | "apiKeys" | "levels" | "users"> {
  const shared = { ...options, stores, credentials, shown: shownUsers(stores) };
  return {
    auth: authService(shared),
    apiKeys: apiKeyService(shared),
    levels: levelService(shared),
    users: userService(shared),
  };
}
