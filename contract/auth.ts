import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant } from "./instants.ts";
import { DisplayName, Email, Password, User, Username } from "./users.ts";

/** A sign-in of a browser or a program, without its secret. */
export const SignIn = Type.Object({
  id: Type.String(),
  is_current: Type.Boolean({ description: "The session that asks" }),
  created_at: Instant,
  last_seen_at: Instant,
  expires_at: Instant,
  address: Type.String(),
  user_agent: Type.String(),
});
/** See the schema. */
export type SignIn = Static<typeof SignIn>;

/** Who may make an account of their own. */
export const Registration = Type.Object(
  { enabled: Type.Boolean(), default_level: Type.String({ maxLength: 50 }) },
  { additionalProperties: false },
);
/** See the schema. */
export type Registration = Static<typeof Registration>;

const tag = "Sign-in";
const Done = Type.Object({ success: Type.Literal(true) });
const SignedIn = Type.Object({ success: Type.Literal(true), user: User });
const NewAccount = {
  email: Email,
  username: Username,
  password: Password,
  display_name: Type.Optional(Type.Union([DisplayName, Type.Null()])),
};
const ownSessions = { everyUser: "it is about the caller's own sessions" } as const;

/** Endpoints that somebody calls who has not signed in. */
const publicEndpoints = {
  setupStatus: endpoint({
    method: "GET",
    path: "/api/auth/setup/status",
    access: { public: "the sign-in page asks before anybody is signed in" },
    tag,
    summary: "Whether there is an administrator, and who may register",
    answer: Type.Object({
      needs_setup: Type.Boolean({ description: "Nobody has an account; one user has everything" }),
      has_admin: Type.Boolean(),
      user_count: Type.Integer(),
      registration_enabled: Type.Boolean(),
      setup_token_required: Type.Boolean({
        description: "The first administrator needs the token that the server printed",
      }),
    }),
    errors: [],
  }),
  createFirstAdmin: endpoint({
    method: "POST",
    path: "/api/auth/setup/first-admin",
    access: {
      public: "works once, for the person at this machine or with the token that the server printed",
    },
    tag,
    summary: "Make the first administrator, who takes over everything there is",
    body: Type.Object(
      { ...NewAccount, setup_token: Type.Optional(Type.String({ maxLength: 100 })) },
      { additionalProperties: false },
    ),
    answer: SignedIn,
    errors: ["setup_done", "setup_token_required", "password_unsuitable"],
  }),
  login: endpoint({
    method: "POST",
    path: "/api/auth/login",
    access: { public: "proves itself by the password; failed attempts are slowed down" },
    tag,
    summary: "Sign in with a name or an address, and a password",
    body: Type.Object(
      {
        username: Type.String({ minLength: 1, maxLength: 254, description: "The name or the address" }),
        password: Password,
        remember_me: Type.Optional(Type.Boolean()),
      },
      { additionalProperties: false },
    ),
    answer: SignedIn,
    errors: ["sign_in_failed", "too_many_attempts", "not_set_up"],
  }),
  logout: endpoint({
    method: "POST",
    path: "/api/auth/logout",
    access: { public: "ends the caller's own session, and does nothing without one" },
    tag,
    summary: "Sign out",
    answer: Done,
    errors: [],
  }),
  register: endpoint({
    method: "POST",
    path: "/api/auth/register",
    access: { public: "works only while an administrator has opened registration" },
    tag,
    summary: "Make an account of one's own and sign in",
    body: Type.Object(NewAccount, { additionalProperties: false }),
    answer: SignedIn,
    errors: ["registration_closed", "user_exists", "password_unsuitable", "too_many_attempts", "not_set_up"],
  }),
  acceptInvitation: endpoint({
    method: "POST",
    path: "/api/auth/accept-invite",
    access: { public: "proves itself by the token of the link, which works once" },
    tag,
    summary: "Set the password of an invited user and sign in",
    body: Type.Object(
      { token: Type.String({ minLength: 1, maxLength: 100 }), password: Password },
      { additionalProperties: false },
    ),
    answer: SignedIn,
    errors: ["invite_invalid", "password_unsuitable"],
  }),
} as const;

/** Endpoints of somebody who is signed in. */
const signedInEndpoints = {
  whoAmI: endpoint({
    method: "GET",
    path: "/api/auth/me",
    access: { everyUser: "it is about the caller" },
    tag,
    summary: "The caller",
    answer: User,
    errors: [],
  }),
  changePassword: endpoint({
    method: "POST",
    path: "/api/auth/change-password",
    access: { everyUser: "it is about the caller's own account" },
    tag,
    summary: "Change the own password; every other session ends",
    body: Type.Object(
      { current_password: Password, new_password: Password },
      { additionalProperties: false },
    ),
    answer: Done,
    errors: ["password_wrong", "password_unsuitable", "too_many_attempts", "not_set_up"],
  }),
  listSessions: endpoint({
    method: "GET",
    path: "/api/auth/sessions",
    access: ownSessions,
    tag,
    summary: "Where the caller is signed in, the latest first",
    answer: Type.Object({ sessions: Type.Array(SignIn) }),
    errors: [],
  }),
  revokeSession: endpoint({
    method: "DELETE",
    path: "/api/auth/sessions/{session_id}",
    access: ownSessions,
    tag,
    summary: "Sign out somewhere else",
    params: Type.Object({ session_id: Type.String({ maxLength: 64 }) }),
    answer: Done,
    errors: ["session_not_found"],
  }),
  revokeOtherSessions: endpoint({
    method: "POST",
    path: "/api/auth/sessions/revoke-others",
    access: ownSessions,
    tag,
    summary: "Sign out everywhere else",
    answer: Type.Object({ success: Type.Literal(true), ended: Type.Integer() }),
    errors: [],
  }),
  getRegistration: endpoint({
    method: "GET",
    path: "/api/auth/registration",
    access: "admin.users",
    tag,
    summary: "Whether people may register, and what they are then",
    answer: Registration,
    errors: [],
  }),
  putRegistration: endpoint({
    method: "PUT",
    path: "/api/auth/registration",
    access: "admin.users",
    tag,
    summary: "Open or close registration",
    body: Registration,
    answer: Registration,
    errors: ["level_not_found", "grant_beyond_own", "not_set_up"],
  }),
} as const;

/** Endpoints of signing in and out. */
export const authEndpoints = { ...publicEndpoints, ...signedInEndpoints } as const;
