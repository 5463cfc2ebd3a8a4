import { uuidv7 } from "uuidv7";
import type { Delivery } from "@simpletuner-cloud/contract/deliveries.ts";
import type {
  Destination,
  DestinationDraft,
  destinationEndpoints,
  DestinationSettings,
  DestinationTest,
  HubSettings,
  LastDelivery,
  S3Settings,
} from "@simpletuner-cloud/contract/destinations.ts";
import { Failure, fail } from "@simpletuner-cloud/contract/errors.ts";
import { callerMay } from "@simpletuner-cloud/contract/permissions.ts";
import type { Publisher } from "../adapters/publishers/publisher.ts";
import type { DeliveryStore } from "../db/stores/deliveries.ts";
import type { DestinationStore, StoredDestination } from "../db/stores/destinations.ts";
import { cancelDelivery, type DeliveryRecord } from "../domain/delivery.ts";
import { patternProblem } from "../domain/delivery-names.ts";
import type { SecretBox } from "../domain/sealed-secret.ts";
import type { ChangeDelivery } from "./delivery-changes.ts";
import type { Handlers } from "./handler.ts";

/** Trying a place takes at most so long; a service that is only slow is told as such. */
const testMs = 60_000;

/** What destinations need. */
export interface DestinationServiceOptions {
  destinations: DestinationStore;
  deliveries: DeliveryStore;
  changeDelivery: ChangeDelivery;
  secrets: SecretBox;
  openPublisher: OpenPublisher;
  /** Whether the secrets hold a token of the Hugging Face Hub. */
  hasHubToken: () => Promise<boolean>;
  /** Called after deliveries became due. */
  wakeDeliveries: () => void;
  now: () => number;
}

/** Makes the publisher of a place; `secret` is null for a place without one. */
export type OpenPublisher = (settings: DestinationSettings, secret: string | null) => Promise<Publisher>;

/** The places that results are delivered to. */
export function destinationService(
  options: DestinationServiceOptions,
): Handlers<typeof destinationEndpoints> {
  return { ...storedPlaces(options), ...trials(options) };
}

type DestinationHandlers = Handlers<typeof destinationEndpoints>;

function storedPlaces(options: DestinationServiceOptions) {
  const { destinations, now } = options;
  const shown = (stored: StoredDestination) => shownDestination(options, stored, null);
  return {
    async listDestinations({ query }, { caller }) {
      // Whose job was delivered there, and what went wrong with it, is not everybody's business.
      const tells = query.last_delivery === true && callerMay(caller, "job.view.all");
      const last = async (id: string) => (tells ? options.deliveries.newestBegunAt(id) : null);
      const stored = await destinations.list();
      return {
        destinations: await Promise.all(
          stored.map(async (each) => shownDestination(options, each, await last(each.id))),
        ),
      };
    },
    async createDestination({ body }) {
      const sealedSecret = sealedOf(options, body, null);
      const nowMs = now();
      const { name, settings, is_default: isDefault } = body;
      const stored = {
        id: uuidv7(),
        name,
        settings,
        isDefault,
        sealedSecret,
        createdAtMs: nowMs,
        updatedAtMs: nowMs,
      };
      if (!(await destinations.insert(stored))) throw fail("destination_name_taken", { name });
      return { destination: await shown(stored) };
    },
    async changeDestination({ params, body }) {
      const before = await found(destinations, params.destination_id);
      const { name, settings, is_default: isDefault } = body;
      const sealedSecret = sealedOf(options, body, before);
      const stored = { ...before, name, settings, isDefault, sealedSecret, updatedAtMs: now() };
      if (!(await destinations.replace(stored))) throw fail("destination_name_taken", { name });
      // What failed for the settings that were has another chance with those that are.
      for (const { wire } of await options.deliveries.openAt(stored.id))
        await options.changeDelivery(wire.delivery_id, (record) =>
          record.wire.status === "failed" ? { dueAtMs: now(), wire: { attempt: 0 } } : null,
        );
      options.wakeDeliveries();
      return { destination: await shown(stored) };
    },
    async deleteDestination({ params }) {
      const { id } = await found(destinations, params.destination_id);
      await destinations.remove(id);
      // One that was ordered in this moment finds no destination and fails with the same sentence.
      for (const { wire } of await options.deliveries.openAt(id))
        await options.changeDelivery(wire.delivery_id, (record) =>
          ["waiting", "running", "failed"].includes(record.wire.status)
            ? cancelDelivery(record, fail("delivery_removed"), now())
            : null,
        );
      return { success: true as const, destination_id: id };
    },
  } satisfies Partial<DestinationHandlers>;
}

function trials(options: DestinationServiceOptions) {
  const { destinations } = options;
  return {
    async testDestination({ params }, { closed }) {
      const { settings, sealedSecret } = await found(destinations, params.destination_id);
      return tried(
        options,
        settings,
        sealedSecret === null ? null : options.secrets.open(sealedSecret),
        closed,
      );
    },
    async testDestinationDraft({ body }, { closed }) {
      const { settings, destination_id: id } = body;
      const stored = id === undefined ? null : await found(destinations, id);
      const sealed = sealedOf(options, body, stored);
      return tried(options, settings, sealed === null ? null : options.secrets.open(sealed), closed);
    },
  } satisfies Partial<DestinationHandlers>;
}

async function tried(
  options: DestinationServiceOptions,
  settings: DestinationSettings,
  secret: string | null,
  closed: AbortSignal,
): Promise<DestinationTest> {
  const publisher = await options.openPublisher(settings, secret);
  const steps = await publisher.test(AbortSignal.any([closed, AbortSignal.timeout(testMs)]));
  return { ok: steps.every(({ state }) => state === "good"), steps };
}

async function found(destinations: DestinationStore, id: string): Promise<StoredDestination> {
  const stored = await destinations.find(id);
  if (stored === null) throw fail("destination_not_found", { destination_id: id });
  return stored;
}

/** Checks the settings together with their secret, which it answers sealed. Throws `destination_invalid`. */
function sealedOf(
  { secrets }: DestinationServiceOptions,
  draft: Pick<DestinationDraft, "settings" | "secret_access_key" | "token">,
  before: StoredDestination | null,
): string | null {
  const { settings, secret_access_key: secretKey, token } = draft;
  const problem = settingsProblem(settings) ?? secretProblem(draft);
  if (problem) throw fail("destination_invalid", { field: problem.field, problem: problem.text });
  if (token === null) return null;
  const given = token ?? secretKey;
  if (given !== undefined) return secrets.seal(given);
  // A secret belongs to the account it was given for: it is not sent to another place or with another name.
  if (before !== null && isSameAccount(before.settings, settings)) return before.sealedSecret;
  if (settings.kind === "huggingface") return null;
  throw fail("destination_invalid", {
    field: "secret_access_key",
    problem: "send the secret that belongs to this access key and endpoint.",
  });
}

function isSameAccount(before: DestinationSettings, after: DestinationSettings): boolean {
  if (before.kind === "huggingface" || after.kind === "huggingface") return before.kind === after.kind;
  return before.endpoint === after.endpoint && before.access_key_id === after.access_key_id;
}

interface FieldProblem {
  field: string;
  text: string;
}

/** Each kind has its own secret; another's would be stored and sent to the wrong place. */
function secretProblem({
  settings,
  secret_access_key: secretKey,
  token,
}: Pick<DestinationDraft, "settings" | "secret_access_key" | "token">): FieldProblem | null {
  if (settings.kind === "s3" && token !== undefined)
    return { field: "token", text: "a bucket has no token; send secret_access_key." };
  if (settings.kind === "huggingface" && secretKey !== undefined)
    return { field: "secret_access_key", text: "the Hugging Face Hub has no such key; send token." };
  return null;
}

function settingsProblem(settings: DestinationSettings): FieldProblem | null {
  return settings.kind === "s3" ? bucketProblem(settings) : hubProblem(settings);
}

function bucketProblem(settings: S3Settings): FieldProblem | null {
  const folder = patternProblem(settings.folder);
  if (folder !== null) return { field: "settings.folder", text: folder };
  if (settings.preset !== "aws" && settings.endpoint === null)
    return { field: "settings.endpoint", text: "say where the service is, like https://host:9000." };
  if (settings.endpoint !== null && !URL.canParse(settings.endpoint))
    return { field: "settings.endpoint", text: "this is not an address like https://host:9000." };
  if (settings.prefix.split("/").some((part) => part === "." || part === ".."))
    return { field: "settings.prefix", text: "write a folder without . and .. in it." };
  return null;
}

function hubProblem({ repository }: HubSettings): FieldProblem | null {
  const pattern = patternProblem(repository);
  if (pattern !== null) return { field: "settings.repository", text: pattern };
  if (repository.includes("/"))
    return {
      field: "settings.repository",
      text: "write the name alone, without a slash; the owner has its own field.",
    };
  return null;
}

async function shownDestination(
  options: DestinationServiceOptions,
  stored: StoredDestination,
  newest: DeliveryRecord | null,
): Promise<Destination> {
  return {
    destination_id: stored.id,
    name: stored.name,
    settings: stored.settings,
    is_default: stored.isDefault,
    ...(await secretState(options, stored)),
    last_delivery: newest && lastDelivery(newest.wire),
    created_at: new Date(stored.createdAtMs).toISOString(),
    updated_at: new Date(stored.updatedAtMs).toISOString(),
  };
}

async function secretState(
  { hasHubToken }: DestinationServiceOptions,
  { settings, sealedSecret }: StoredDestination,
): Promise<Pick<Destination, "secret" | "problem">> {
  if (sealedSecret !== null) return { secret: "stored", problem: null };
  if (settings.kind === "s3") return { secret: null, problem: "There is no secret access key: enter it." };
  try {
    if (await hasHubToken()) return { secret: "secrets", problem: null };
  } catch (error) {
    if (error instanceof Failure) return { secret: null, problem: error.message };
    throw error;
  }
  return {
    secret: null,
    problem: "There is no token for the Hugging Face Hub: enter one here, or set HF_TOKEN.",
  };
}

function lastDelivery({ job_id, status, error_message, updated_at }: Delivery): LastDelivery {
  return { job_id, status, error_message, updated_at };
}
