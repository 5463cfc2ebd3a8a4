import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import { folderTrouble, unknownFolderTrouble } from "./folder-trouble.ts";

const thrown = (code: string, syscall: string): Error =>
  Object.assign(new Error(`${code}: no, ${syscall} '/srv/state/secret'`), { code, syscall });
const archive = { path: "/srv/state/archive", setting: "SIMPLETUNER_STATE_DIR" };

describe("trouble with a folder", () => {
  test("is told by what a person can do about it, and with what was thrown as its cause", () => {
    const said = (code: string): string => {
      const error = thrown(code, "mkdir");
      const trouble = folderTrouble(error, archive);
      assert.ok(trouble instanceof Failure);
      assert.equal(trouble.cause, error);
      return `${trouble.code}: ${trouble.message}`;
    };
    assert.match(said("EACCES"), /^folder_unusable: The folder \/srv\/state\/archive .* has no right to\./);
    assert.match(
      said("EROFS"),
      /^folder_unusable: .* its file system is read-only\. .*SIMPLETUNER_STATE_DIR/,
    );
    assert.match(said("ENOTDIR"), /^folder_unusable: .* a file stands in its way/);
    for (const code of ["ENOSPC", "EDQUOT"])
      assert.match(said(code), /^disk_full: The disk that holds \/srv\/state\/archive is full/);
  });

  test("is not what another error says, least of all one that is told well already", () => {
    const lost = new Error("the connection was lost");
    const told = fail("database_unavailable", { reason: "EACCES" });
    for (const error of [lost, told, null, thrown("ECONNRESET", "read")])
      assert.equal(folderTrouble(error, archive), error);
  });

  test("that a request runs into names no path", () => {
    const trouble = unknownFolderTrouble(thrown("EROFS", "open"));
    assert.equal(trouble?.code, "folder_unusable");
    assert.doesNotMatch(JSON.stringify([trouble.message, trouble.details]), /secret|srv/);
    assert.equal(unknownFolderTrouble(thrown("ENOSPC", "write"))?.code, "disk_full");
    for (const error of [
      thrown("EACCES", "connect"),
      thrown("ENOENT", "open"),
      new TypeError("no"),
      undefined,
    ])
      assert.equal(unknownFolderTrouble(error), null);
  });
});
