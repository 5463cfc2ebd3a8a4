import { Type, type Static } from "typebox";
import { endpoint } from "./endpoint.ts";
import { MaybeInstant, MaybeString } from "./instants.ts";

/** Programs that give a server without an address of its own one on the internet. */
export const tunnelPrograms = ["cloudflared", "ngrok"] as const;
/** One of {@link tunnelPrograms}. */
export type TunnelProgram = (typeof tunnelPrograms)[number];

/** `starting` has no address yet, or has lost it and is getting another; `failed` waits for a person. */
export const tunnelStatuses = ["off", "starting", "running", "failed"] as const;

const Program = Type.Enum(tunnelPrograms);

/** The tunnel of this server, which ends with it. */
export const Tunnel = Type.Object({
  status: Type.Enum(tunnelStatuses),
  program: Type.Union([Program, Type.Null()]),
  url: Type.Union([Type.String(), Type.Null()], { description: "Where the internet reaches this server" }),
  started_at: MaybeInstant,
  restarts: Type.Integer({ description: "How often it was started again since somebody started it" }),
  message: Type.Union([Type.String(), Type.Null()], {
    description: "Why there is no address, and the way out",
  }),
  used_instead: Type.Union([MaybeString], {
    description: "The address that is set, which comes before the tunnel's; null: the tunnel's is used",
  }),
  programs: Type.Array(
    Type.Object({
      program: Program,
      installed: Type.Boolean(),
      install_url: Type.String({ description: "Where to get it" }),
    }),
  ),
});
/** See the schema. */
export type Tunnel = Static<typeof Tunnel>;

const tag = "Tunnel";
const path = "/api/cloud/tunnel";

/** Endpoints of the tunnel. */
export const tunnelEndpoints = {
  getTunnel: endpoint({
    method: "GET",
    path,
    access: "admin.config",
    tag,
    summary: "The tunnel of this server, and which programs for one are installed here",
    answer: Tunnel,
    errors: [],
  }),
  startTunnel: endpoint({
    method: "POST",
    path,
    access: "admin.config",
    tag,
    summary:
      "Start a tunnel: the internet then reaches this server, whose sign-in keeps strangers out; answers before the address is known",
    body: Type.Object(
      {
        program: Type.Optional(
          Type.Enum(tunnelPrograms, { description: "Default: the first that is installed" }),
        ),
      },
      { additionalProperties: false },
    ),
    status: 202,
    answer: Tunnel,
    errors: ["tunnel_program_missing", "tunnel_runs_already"],
  }),
  stopTunnel: endpoint({
    method: "DELETE",
    path,
    access: "admin.config",
    tag,
    summary: "Stop the tunnel; jobs elsewhere that were given its address are followed without webhooks",
    answer: Tunnel,
    errors: [],
  }),
} as const;
