import { type RawBuilder, sql } from "kysely";

/**
 * A row limit as part of the statement's text. SQLite looks at a bound LIMIT when it plans, so it would parse the
 * statement anew at every run. `count` is a whole number that the program or a checked input set.
 */
export function fixedLimit(count: number): RawBuilder<number> {
  return sql.lit(Math.trunc(count));
}
