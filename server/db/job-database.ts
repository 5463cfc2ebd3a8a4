import { setTimeout as delay } from "node:timers/promises";
import { Kysely, type TransactionBuilder } from "kysely";
import { fail } from "@simpletuner-cloud/contract/errors.ts";
import { inChildSpan } from "../domain/work-scope.ts";
import type { DatabaseKind, Engine } from "./engine.ts";
import type { Database } from "./schema.ts";

/** A transaction that others were in the way of is run so many times. */
const mostRuns = 12;
/**
 * One that met a row which was there already is run so many times: where two wrote a first row at the same moment, the
 * loser finds it the next time; where it was there before, the error stays.
 */
const mostRunsForDuplicates = 3;
const longestPauseMs = 25;

/** As OpenTelemetry calls them. */
const systemNames: Readonly<Record<DatabaseKind, string>> = {
  sqlite: "sqlite",
  postgres: "postgresql",
  mysql: "mysql",
};

/**
 * The database of the product. A transaction that cannot go through because of another one is run again from its
 * beginning, so what is done in it must be of the database alone, and may happen more than once.
 */
export class JobDatabase extends Kysely<Database> {
  readonly engine: Engine;

  constructor(engine: Engine) {
    super({ dialect: engine.dialect });
    this.engine = engine;
  }

  override transaction(): TransactionBuilder<Database> {
    const builder = super.transaction();
    const execute = builder.execute.bind(builder);
    const options = {
      kind: "client",
      attributes: { "db.system.name": systemNames[this.engine.kind] },
    } as const;
    builder.execute = (work) =>
      inChildSpan("transaction", options, () => runAgain(this.engine, () => execute(work)));
    return builder;
  }
}

async function runAgain<Answer>(engine: Engine, run: () => Promise<Answer>): Promise<Answer> {
  for (let runs = 1; ; runs++) {
    try {
      return await run();
    } catch (error) {
      const verdict = engine.verdict(error);
      if (verdict === null || (verdict === "duplicate" && runs >= mostRunsForDuplicates)) throw error;
      if (runs >= mostRuns)
        throw fail("database_busy", { reason: "too many changes of the same at once" }, error);
      // Two that met once would meet again in step.
      if (verdict === "conflict") await delay(Math.random() * longestPauseMs * runs);
    }
  }
}
