import { join } from "node:path";

/** Folders and files of the server below its state directory. */
export function statePaths(stateDir: string) {
  const cloud = join(stateDir, "cloud");
  return {
    database: join(stateDir, "config", "cloud", "jobs.db"),
    state: join(stateDir, "config", "cloud", "state.db"),
    configs: join(stateDir, "config"),
    dataloaders: join(stateDir, "config", "cloud", "dataloaders"),
    jobs: join(cloud, "jobs"),
    jobHistory: join(cloud, "job_history.json"),
    packages: join(cloud, "packages"),
    leftovers: join(cloud, "leftovers"),
    restore: join(stateDir, "config", "cloud", "restore"),
    backups: join(stateDir, "backups"),
    lock: join(cloud, "server.lock.db"),
    folderMark: join(cloud, "folder.mark"),
    auditKey: join(stateDir, "audit.key"),
    auditHead: join(stateDir, "audit.head"),
    archive: join(stateDir, "archive"),
    credentialKey: join(stateDir, "credential.key"),
    keyLock: join(cloud, "credential.lock.db"),
    outputs: join(stateDir, "cloud_outputs"),
  };
}
/** See {@link statePaths}. */
export type StatePaths = ReturnType<typeof statePaths>;
