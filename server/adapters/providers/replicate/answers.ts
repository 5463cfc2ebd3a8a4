import { Type, type Static, type TSchema } from "typebox";
import { Compile } from "typebox/compile";

/** A text that may be null or absent. */
export const MaybeText = Type.Optional(Type.Union([Type.String(), Type.Null()]));

/** A prediction as Replicate answers it; rows of a list have no logs. Fields that are not used are let pass. */
export const Prediction = Type.Object({
  id: Type.String({ minLength: 1 }),
  /** starting, processing, succeeded, failed, canceled or aborted; others may come. */
  status: Type.String(),
  created_at: MaybeText,
  started_at: MaybeText,
  completed_at: MaybeText,
  model: MaybeText,
  version: MaybeText,
  logs: MaybeText,
  error: Type.Optional(Type.Unknown()),
  output: Type.Optional(Type.Unknown()),
  input: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
  metrics: Type.Optional(
    Type.Union([
      Type.Object({ predict_time: Type.Optional(Type.Union([Type.Number(), Type.Null()])) }),
      Type.Null(),
    ]),
  ),
  data_removed: Type.Optional(Type.Boolean()),
});
/** See the schema. */
export type Prediction = Static<typeof Prediction>;

/** A file that was uploaded as an input; `urls.get` is what an input names. */
export const UploadedFile = Type.Object({
  id: Type.String({ minLength: 1 }),
  name: MaybeText,
  size: Type.Optional(Type.Number()),
  expires_at: MaybeText,
  urls: Type.Object({ get: Type.String() }),
});
/** See the schema. */
export type UploadedFile = Static<typeof UploadedFile>;

/** A model; `latest_version` is null while it has none. */
export const Model = Type.Object({
  latest_version: Type.Optional(Type.Union([Type.Object({ id: Type.String() }), Type.Null()])),
});

/** A version of a model. */
const VersionRow = Type.Object({ id: Type.String({ minLength: 1 }), created_at: MaybeText });
/** See the schema. */
export type VersionRow = Static<typeof VersionRow>;
/** One page of them, newest first. */
export const VersionPage = pageOf(VersionRow);

/** A delivery that names no prediction. */
export const NothingNamed = Type.Object({ id: Type.Optional(Type.Null()) });

/** The secret of an account's webhooks. */
export const WebhookSecret = Type.Object({ key: Type.String({ minLength: 8 }) });

/** Who a token belongs to. */
export const Account = Type.Object({
  type: Type.String(),
  username: Type.String(),
  name: MaybeText,
  github_url: MaybeText,
});
/** See the schema. */
export type Account = Static<typeof Account>;

/** One page of a list, newest first; `next` is a complete URL. */
export const PredictionPage = pageOf(Prediction);
/** See {@link PredictionPage}. */
export const FilePage = pageOf(UploadedFile);

/** What an error tells: `application/problem+json`, or HTML from the edge. */
export const Problem = Type.Object({ title: MaybeText, detail: MaybeText });

function pageOf<Row extends TSchema>(row: Row) {
  return Type.Object({ next: MaybeText, results: Type.Array(row) });
}

const validators = new WeakMap<TSchema, ReturnType<typeof Compile>>();

/** Parses an answer; null when it is no JSON or has another form. */
export function parseAnswer<Schema extends TSchema>(schema: Schema, text: string): Static<Schema> | null {
  let validator = validators.get(schema);
  if (!validator) {
    validator = Compile(schema as TSchema);
    validators.set(schema, validator);
  }
  try {
    const value: unknown = JSON.parse(text);
    return validator.Check(value) ? (value as Static<Schema>) : null;
  } catch {
    return null;
  }
}
