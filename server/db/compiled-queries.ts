import { type Compilable, type CompiledQuery, type Kysely, type RawBuilder, sql } from "kysely";
import type { Database } from "./schema.ts";

/** Stands for a value that is only known when the query runs. */
class Slot {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** Shapes kept at most; the program has some dozens, but page sizes are part of one and callers choose them. */
const mostShapes = 1_000;

/** The values of a query by name. */
export type QueryValues = Readonly<Record<string, string | number>>;

/** Makes the place of a named value in a query. */
export type SlotMaker = <Value extends string | number>(name: string) => RawBuilder<Value>;

/**
 * Runs queries that are built and compiled once for each `shape` and then run with new values, for reads so frequent
 * that building their statement would cost as much as running it. Equal shapes must build equal statements.
 */
export function compiledQueries(db: Kysely<Database>) {
  const compiled = new Map<string, CompiledQuery<unknown>>();
  const slot: SlotMaker = (name) => sql`${new Slot(name)}`;
  return async <Row>(
    shape: string,
    values: QueryValues,
    build: (slot: SlotMaker) => Compilable<Row>,
  ): Promise<Row[]> => {
    let query = compiled.get(shape);
    if (!query) {
      query = build(slot).compile();
      if (compiled.size >= mostShapes) compiled.clear();
      compiled.set(shape, query);
    }
    const parameters = query.parameters.map((part) => (part instanceof Slot ? values[part.name] : part));
    return (await db.executeQuery<Row>({ ...(query as CompiledQuery<Row>), parameters })).rows;
  };
}
