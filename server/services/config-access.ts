import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { type Caller, callerMay, type Permission } from "@simpletuner-cloud/contract/permissions.ts";
import type { ConfigOwnerStore, OwnedKind } from "../db/stores/config-owners.ts";

/**
 * Who may change a saved configuration or dataset list: whoever saved it with the right to the own, anybody with the
 * right to all. What came without an owner, as a file, a sample or from before there were accounts, is nobody's own.
 */
export function configAccess(owners: ConfigOwnerStore) {
  const refuseOthers = async (
    caller: Caller,
    action: "edit" | "delete",
    kind: OwnedKind,
    name: string,
  ): Promise<void> => {
    const all: Permission = `config.${action}.all`;
    const own: Permission = `config.${action}.own`;
    if (callerMay(caller, all)) return;
    if (!callerMay(caller, own)) throw fail("permission_denied", { permission: own });
    if ((await owners.find(kind, name)) !== caller.userId)
      throw fail("permission_denied", { permission: all });
  };
  return {
    /** To be called before it is written, so that nothing new is ever left without its owner. */
    async beforeSave(caller: Caller, kind: OwnedKind, name: string, exists: boolean): Promise<void> {
      if (exists) await refuseOthers(caller, "edit", kind, name);
      else await owners.set(kind, name, caller.userId);
    },
    beforeDelete: (caller: Caller, kind: OwnedKind, name: string) =>
      refuseOthers(caller, "delete", kind, name),
    afterDelete: (kind: OwnedKind, name: string) => owners.remove(kind, name),
  };
}

/** See {@link configAccess}. */
export type ConfigAccess = ReturnType<typeof configAccess>;
