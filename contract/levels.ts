import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { permissions } from "./permissions.ts";

const researcher = [
  "job.submit",
  "job.view.own",
  "job.cancel.own",
  "job.delete.own",
  "config.view",
  "config.create",
  "config.edit.own",
  "config.delete.own",
  "queue.view",
  "queue.cancel.own",
  "api.access",
  "api.keys.own",
] as const;

/** The levels that every server has and nobody can change (CONTRACT 2.7). Levels add up: a user may hold several. */
export const systemLevels = [
  {
    id: "viewer",
    name: "viewer",
    description: "Looks at the own jobs and the configurations",
    priority: 0,
    permissions: ["job.view.own", "config.view"],
  },
  {
    id: "researcher",
    name: "researcher",
    description: "Submits jobs and keeps the own ones in order",
    priority: 10,
    permissions: researcher,
  },
  {
    id: "lead",
    name: "lead",
    description: "Sees everybody's jobs, approves and looks after a team",
    priority: 50,
    permissions: [
      ...researcher,
      "job.view.all",
      "job.priority.high",
      "queue.view.all",
      "queue.approve",
      "quota.view",
      "admin.approve",
      "admin.audit",
      "org.view",
      "team.view",
      "team.create",
      "team.edit",
      "team.manage.members",
      "team.manage.quotas",
    ],
  },
  {
    id: "admin",
    name: "admin",
    description: "May do everything",
    priority: 100,
    permissions: ["*"],
  },
] as const;

/** The level of administrators. */
export const adminLevelId = "admin";

/** A named set of permissions that users hold. */
export const Level = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  priority: Type.Integer(),
  is_system: Type.Boolean({ description: "Built in; cannot be changed" }),
  permissions: Type.Array(Type.String()),
  user_count: Type.Integer(),
});
/** See the schema. */
export type Level = Static<typeof Level>;

const tag = "Levels";
const Name = Type.String({
  pattern: "^[A-Za-z0-9_-]{1,50}$",
  description: "Letters, digits, dash and underscore; at most 50",
});
const Description = Type.String({ maxLength: 500 });
const Priority = Type.Integer({ minimum: 0, maximum: 1000 });
const Grants = Type.Array(Type.String({ maxLength: 64 }), {
  maxItems: 200,
  description: "Permissions; `*` and `job.*` name several",
});
const LevelParams = Type.Object({ level_id: Type.String({ maxLength: 64 }) });
const changeErrors = [
  "level_not_found",
  "level_built_in",
  "grant_beyond_own",
  "last_administrator",
  "not_set_up",
] as const;

/** Endpoints of levels and permissions. */
export const levelEndpoints = {
  listLevels: endpoint({
    method: "GET",
    path: "/api/users/meta/levels",
    access: "admin.levels",
    tag,
    summary: "Every level, the strongest first",
    answer: Type.Object({ levels: Type.Array(Level) }),
    errors: [],
  }),
  listPermissions: endpoint({
    method: "GET",
    path: "/api/users/meta/permissions",
    access: "admin.levels",
    tag,
    summary: "Every permission there is",
    answer: Type.Object({ permissions: Type.Array(Type.Enum([...permissions])) }),
    errors: [],
  }),
  createLevel: endpoint({
    method: "POST",
    path: "/api/users/levels",
    access: "admin.levels",
    tag,
    summary: "A level of one's own",
    status: 201,
    body: Type.Object(
      {
        name: Name,
        description: Type.Optional(Description),
        priority: Type.Optional(Priority),
        permission_names: Grants,
      },
      { additionalProperties: false },
    ),
    answer: Level,
    errors: ["level_exists", "grant_beyond_own", "not_set_up"],
  }),
  updateLevel: endpoint({
    method: "PUT",
    path: "/api/users/levels/{level_id}",
    access: "admin.levels",
    tag,
    summary: "Change a level of one's own; it holds at once for everybody who has it",
    params: LevelParams,
    body: Type.Object(
      {
        name: Type.Optional(Name),
        description: Type.Optional(Description),
        priority: Type.Optional(Priority),
        permission_names: Type.Optional(Grants),
      },
      { additionalProperties: false },
    ),
    answer: Level,
    errors: [...changeErrors, "level_exists"],
  }),
  setLevelPermissions: endpoint({
    method: "PUT",
    path: "/api/users/levels/{level_id}/permissions",
    access: "admin.levels",
    tag,
    summary: "Replace what a level of one's own holds",
    params: LevelParams,
    body: Type.Object({ permission_names: Grants }, { additionalProperties: false }),
    answer: Level,
    errors: changeErrors,
  }),
  deleteLevel: endpoint({
    method: "DELETE",
    path: "/api/users/levels/{level_id}",
    access: "admin.levels",
    tag,
    summary: "Delete a level of one's own, and take it from everybody who has it",
    params: LevelParams,
    answer: Type.Object({ success: Type.Literal(true) }),
    errors: changeErrors,
  }),
} as const;
