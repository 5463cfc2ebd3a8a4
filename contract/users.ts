import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { Instant, MaybeInstant, MaybeString } from "./instants.ts";
import { permissions } from "./permissions.ts";

/** Parts of a user that a person writes. */
export const Username = Type.String({
  pattern: "^[A-Za-z0-9_-]{3,50}$",
  description: "3 to 50 letters, digits, dashes and underscores",
});
/** See {@link Username}. */
export const Email = Type.String({
  maxLength: 254,
  pattern: "^[^@\\s]+@[^@\\s]+$",
  description: "An address; upper and lower case are the same",
});
/** See {@link Username}. */
export const DisplayName = Type.String({ maxLength: 100 });
/** A password as it is sent; what it must be like is told by `password_unsuitable`. */
export const Password = Type.String({ minLength: 1, maxLength: 4096 });

/** A user (CONTRACT 1.12). */
export const User = Type.Object({
  id: Type.String(),
  username: Type.String(),
  email: Type.String(),
  display_name: MaybeString,
  avatar_url: MaybeString,
  auth_provider: Type.String({
    description: "Where the user is signed in: password, or an identity provider",
  }),
  is_active: Type.Boolean(),
  is_admin: Type.Boolean({ description: "Holds the level admin" }),
  email_verified: Type.Boolean(),
  has_password: Type.Boolean({ description: "False until an invitation was accepted" }),
  invite_expires_at: MaybeInstant,
  locked_until: MaybeInstant,
  created_at: Instant,
  last_login_at: MaybeInstant,
  levels: Type.Array(Type.Object({ id: Type.String(), name: Type.String(), priority: Type.Integer() })),
  permissions: Type.Array(Type.String(), { description: "What the user may do, everything counted" }),
});
/** See the schema. */
export type User = Static<typeof User>;

/** Why a user may or may not do something. */
export const PermissionVerdict = Type.Object({
  permission: Type.Enum([...permissions]),
  allowed: Type.Boolean(),
  because: Type.Union([
    Type.Literal("denied"),
    Type.Literal("granted"),
    Type.Literal("level"),
    Type.Literal("nothing"),
  ]),
  levels: Type.Array(Type.String(), { description: "The user's levels that hold it" }),
});
/** See the schema. */
export type PermissionVerdict = Static<typeof PermissionVerdict>;

/** A permission given to or taken from one user, whatever the levels say. */
export const Override = Type.Object({ permission: Type.String(), granted: Type.Boolean() });

/** A link with which a user sets the own password once. */
export const Invitation = Type.Object({
  token: Type.String({ description: "Told this once; the page is /invite#<token>" }),
  url: Type.String(),
  expires_at: Instant,
});
/** See the schema. */
export type Invitation = Static<typeof Invitation>;

const tag = "Users";
const UserParams = Type.Object({ user_id: Type.String({ maxLength: 64 }) });
const Done = Type.Object({ success: Type.Literal(true) });
const changeErrors = ["user_not_found", "user_outranks", "last_administrator"] as const;
const LevelName = Type.String({ maxLength: 50 });
const PermissionName = Type.String({ maxLength: 64 });

const ownAccount = { everyUser: "it is about the caller's own account" } as const;

/** Endpoints of the caller's own account. They stand before those of any user, whose paths would take theirs. */
const ownEndpoints = {
  me: endpoint({
    method: "GET",
    path: "/api/users/me",
    access: ownAccount,
    tag,
    summary: "The caller",
    answer: User,
    errors: [],
  }),
  myProfile: endpoint({
    method: "GET",
    path: "/api/users/me/profile",
    access: ownAccount,
    tag,
    summary: "The caller, under its longer name",
    answer: User,
    errors: [],
  }),
  updateMyProfile: endpoint({
    method: "PATCH",
    path: "/api/users/me/profile",
    access: ownAccount,
    tag,
    summary: "Change the own name on screen and address",
    body: Type.Object(
      {
        display_name: Type.Optional(Type.Union([DisplayName, Type.Null()])),
        email: Type.Optional(Email),
      },
      { additionalProperties: false },
    ),
    answer: User,
    errors: ["user_exists", "not_set_up"],
  }),
  setMyPassword: endpoint({
    method: "PUT",
    path: "/api/users/me/password",
    access: ownAccount,
    tag,
    summary: "Change the own password; every other session ends",
    body: Type.Object(
      { current_password: Password, new_password: Password },
      { additionalProperties: false },
    ),
    answer: Done,
    errors: ["password_wrong", "password_unsuitable", "too_many_attempts", "not_set_up"],
  }),
} as const;

/** Endpoints of everybody's accounts. */
const accountEndpoints = {
  authStatus: endpoint({
    method: "GET",
    path: "/api/users/meta/auth-status",
    access: { public: "the sign-in page asks before anybody is signed in" },
    tag,
    summary: "Whether this server has accounts",
    answer: Type.Object({
      in_use: Type.Boolean(),
      user_count: Type.Integer(),
      has_external_providers: Type.Boolean(),
    }),
    errors: [],
  }),
  listUsers: endpoint({
    method: "GET",
    path: "/api/users",
    access: "admin.users",
    tag,
    summary: "Users by name, with the whole number of those that match",
    query: Type.Object({
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 100 })),
      offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000 })),
      include_inactive: Type.Optional(Type.Boolean()),
      q: Type.Optional(Type.String({ maxLength: 100, description: "Part of the name or the address" })),
    }),
    answer: Type.Object({ users: Type.Array(User), total: Type.Integer() }),
    errors: [],
  }),
  createUser: endpoint({
    method: "POST",
    path: "/api/users",
    access: "admin.users",
    tag,
    summary: "A new user; without a password a link to set one is answered, this once",
    status: 201,
    body: Type.Object(
      {
        email: Email,
        username: Username,
        password: Type.Optional(Password),
        display_name: Type.Optional(Type.Union([DisplayName, Type.Null()])),
        is_admin: Type.Optional(Type.Boolean()),
        level_names: Type.Optional(Type.Array(LevelName, { maxItems: 50 })),
      },
      { additionalProperties: false },
    ),
    answer: Type.Object({ user: User, invitation: Type.Union([Invitation, Type.Null()]) }),
    errors: ["user_exists", "level_not_found", "grant_beyond_own", "password_unsuitable", "not_set_up"],
  }),
  getUser: endpoint({
    method: "GET",
    path: "/api/users/{user_id}",
    access: "admin.users",
    tag,
    summary: "One user",
    params: UserParams,
    answer: User,
    errors: ["user_not_found"],
  }),
  updateUser: endpoint({
    method: "PATCH",
    path: "/api/users/{user_id}",
    access: "admin.users",
    tag,
    summary: "Change a user; a new password and switching off end its sessions",
    params: UserParams,
    body: Type.Object(
      {
        email: Type.Optional(Email),
        username: Type.Optional(Username),
        display_name: Type.Optional(Type.Union([DisplayName, Type.Null()])),
        is_active: Type.Optional(Type.Boolean()),
        is_admin: Type.Optional(Type.Boolean()),
        password: Type.Optional(Password),
      },
      { additionalProperties: false },
    ),
    answer: User,
    errors: [...changeErrors, "user_exists", "own_account", "password_unsuitable", "grant_beyond_own"],
  }),
  deleteUser: endpoint({
    method: "DELETE",
    path: "/api/users/{user_id}",
    access: "admin.users",
    tag,
    summary: "Delete a user with its keys and sessions; its jobs stay",
    params: UserParams,
    answer: Done,
    errors: [...changeErrors, "own_account"],
  }),
  deactivateUser: endpoint({
    method: "POST",
    path: "/api/users/{user_id}/deactivate",
    access: "admin.users",
    tag,
    summary: "Switch a user off: sessions end, keys are refused",
    params: UserParams,
    answer: Done,
    errors: [...changeErrors, "own_account"],
  }),
  activateUser: endpoint({
    method: "POST",
    path: "/api/users/{user_id}/activate",
    access: "admin.users",
    tag,
    summary: "Switch a user on again",
    params: UserParams,
    answer: Done,
    errors: changeErrors,
  }),
  unlockUser: endpoint({
    method: "POST",
    path: "/api/users/{user_id}/unlock",
    access: "admin.users",
    tag,
    summary: "Let a user sign in again at once after too many failed attempts",
    params: UserParams,
    answer: Done,
    errors: changeErrors,
  }),
  inviteUser: endpoint({
    method: "POST",
    path: "/api/users/{user_id}/invite",
    access: "admin.users",
    tag,
    summary: "A link with which the user sets a new password; an earlier link dies",
    params: UserParams,
    answer: Invitation,
    errors: changeErrors,
  }),
  signOutUser: endpoint({
    method: "DELETE",
    path: "/api/users/{user_id}/sessions",
    access: "admin.users",
    tag,
    summary: "End every session of a user",
    params: UserParams,
    answer: Type.Object({ success: Type.Literal(true), ended: Type.Integer() }),
    errors: changeErrors,
  }),
} as const;

/** Endpoints of what users may do. */
const rightsEndpoints = {
  userPermissions: endpoint({
    method: "GET",
    path: "/api/users/{user_id}/permissions",
    access: "admin.users",
    tag,
    summary: "Every permission with whether and why the user holds it",
    params: UserParams,
    answer: Type.Object({ permissions: Type.Array(PermissionVerdict), overrides: Type.Array(Override) }),
    errors: ["user_not_found"],
  }),
  setUserPermission: endpoint({
    method: "POST",
    path: "/api/users/{user_id}/permissions",
    access: "admin.levels",
    tag,
    summary: "Give a permission to one user or take it away; taking away wins over everything",
    params: UserParams,
    body: Type.Object(
      { permission_name: PermissionName, granted: Type.Boolean() },
      { additionalProperties: false },
    ),
    answer: User,
    errors: [...changeErrors, "grant_beyond_own"],
  }),
  clearUserPermission: endpoint({
    method: "DELETE",
    path: "/api/users/{user_id}/permissions/{permission_name}",
    access: "admin.levels",
    tag,
    summary: "Leave a permission to the user's levels again",
    params: Type.Object({ user_id: UserParams.properties.user_id, permission_name: PermissionName }),
    answer: User,
    errors: [...changeErrors, "grant_beyond_own"],
  }),
  addUserLevel: endpoint({
    method: "POST",
    path: "/api/users/{user_id}/levels",
    access: "admin.levels",
    tag,
    summary: "Give a user a level",
    params: UserParams,
    body: Type.Object({ level_name: LevelName }, { additionalProperties: false }),
    answer: User,
    errors: [...changeErrors, "level_not_found", "grant_beyond_own"],
  }),
  removeUserLevel: endpoint({
    method: "DELETE",
    path: "/api/users/{user_id}/levels/{level_name}",
    access: "admin.levels",
    tag,
    summary: "Take a level from a user",
    params: Type.Object({ user_id: UserParams.properties.user_id, level_name: LevelName }),
    answer: User,
    errors: [...changeErrors, "level_not_found"],
  }),
} as const;

/** Endpoints of users. */
export const userEndpoints = { ...ownEndpoints, ...accountEndpoints, ...rightsEndpoints } as const;
