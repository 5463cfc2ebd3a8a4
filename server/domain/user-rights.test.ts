import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { systemLevels } from "@simpletuner-cloud/contract/levels.ts";
import { callerMay, type Permission, permissions } from "@simpletuner-cloud/contract/permissions.ts";
import {
  effectivePermissions,
  type HeldLevel,
  isAdministrator,
  namedPermissions,
  type RightsOverride,
  type UserRights,
  verdictOn,
} from "./user-rights.ts";

const level = (...grants: string[]): HeldLevel => ({
  id: grants.join(),
  name: grants.join(),
  priority: 0,
  grants,
});
const rights = (levels: HeldLevel[], overrides: RightsOverride[] = []): UserRights => ({ levels, overrides });
const deny = (permission: string): RightsOverride => ({ permission, granted: false });
const give = (permission: string): RightsOverride => ({ permission, granted: true });
const holds = (of: UserRights, permission: Permission): boolean =>
  callerMay({ grants: effectivePermissions(of) }, permission);

test("levels add up, and what a user was given comes on top", () => {
  const both = rights([level("job.view.own"), level("config.view")], [give("queue.view")]);
  assert.deepEqual(effectivePermissions(both), ["job.view.own", "config.view", "queue.view"]);
  assert.equal(verdictOn(both, "queue.view").because, "granted");
  assert.deepEqual(verdictOn(both, "config.view"), {
    permission: "config.view",
    allowed: true,
    because: "level",
    levels: ["config.view"],
  });
});

test("a denial wins over every level and grant, by name, by wildcard and by the own for all", () => {
  const admin = [level("*")];
  assert.ok(holds(rights(admin), "admin.audit"));
  assert.ok(!holds(rights(admin, [deny("admin.audit"), give("admin.audit")]), "admin.audit"));
  assert.ok(!holds(rights(admin, [deny("admin.*")]), "admin.config"));
  assert.ok(holds(rights(admin, [deny("admin.*")]), "job.submit"));
  const noJobs = rights(admin, [deny("job.view.own")]);
  assert.ok(!holds(noJobs, "job.view.own") && !holds(noJobs, "job.view.all"));
  const onlyOwn = rights(admin, [deny("job.view.all")]);
  assert.ok(holds(onlyOwn, "job.view.own") && !holds(onlyOwn, "job.view.all"));
});

test("a scope takes away and never gives", () => {
  const ada = rights([level("job.view.all", "job.submit")]);
  assert.deepEqual(effectivePermissions(ada, ["job.view.own"]), ["job.view.own"]);
  assert.deepEqual(effectivePermissions(ada, ["admin.users"]), []);
  assert.deepEqual(effectivePermissions(ada, ["job.*"]), effectivePermissions(ada));
});

test("the built-in levels are those of the contract; only admin keeps a server in order", () => {
  const of = (id: string): UserRights =>
    rights(systemLevels.filter((one) => one.id === id).map((one) => ({ ...one, grants: one.permissions })));
  assert.deepEqual(effectivePermissions(of("viewer")), ["job.view.own", "config.view"]);
  assert.deepEqual(effectivePermissions(of("admin")), [...permissions]);
  assert.deepEqual(
    systemLevels.map(({ id }) => isAdministrator(of(id))),
    [false, false, false, true],
  );
  assert.ok(!holds(of("researcher"), "queue.manage") && !holds(of("lead"), "admin.config"));
  assert.ok(!isAdministrator({ ...of("admin"), overrides: [deny("admin.levels")] }));
});

test("grants are checked by name", () => {
  assert.deepEqual(namedPermissions(["queue.*"])?.length, 6);
  assert.equal(namedPermissions(["job.view.*"])?.length, 2);
  for (const wrong of ["", "job", "job*", "job.", "*.own", "jobs.*", "job.view.own ", "**"])
    assert.equal(namedPermissions([wrong]), null, wrong);
});

test("nothing a level gives survives its denial, and a scope never widens, for any rights", () => {
  const grant = fc.constantFrom("*", "job.*", "admin.*", "job.view.*", ...permissions);
  const anyRights = fc.record({
    levels: fc.array(
      fc.array(grant, { maxLength: 4 }).map((grants) => level(...grants)),
      { maxLength: 3 },
    ),
    overrides: fc.array(fc.record({ permission: grant, granted: fc.boolean() }), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(anyRights, fc.array(grant, { maxLength: 3 }), grant, (of, scopes, denied) => {
      const all = new Set(effectivePermissions(of));
      for (const one of effectivePermissions(of, scopes)) assert.ok(all.has(one));
      const without = { ...of, overrides: [...of.overrides, deny(denied)] };
      for (const one of namedPermissions([denied]) ?? []) assert.ok(!holds(without, one), `${denied} ${one}`);
      for (const one of effectivePermissions(without)) assert.ok(all.has(one));
    }),
  );
});
