import type { TunnelProgram } from "@simpletuner-cloud/contract/tunnel.ts";

/** Hosts that the services of the programs give out; an address of any other is not theirs. */
const hosts: Readonly<Record<TunnelProgram, RegExp>> = {
  cloudflared: /^[a-z0-9-]+\.trycloudflare\.com$/,
  ngrok: /^[a-z0-9-]+(\.[a-z]{2})?\.(ngrok-free\.(app|dev)|ngrok\.(app|dev|io|pizza))$/,
};

/** Where each is to be had. */
export const installUrls: Readonly<Record<TunnelProgram, string>> = {
  cloudflared: "https://developers.cloudflare.com/cloudflare-one/connections/connect-networks/downloads/",
  ngrok: "https://ngrok.com/download",
};

/** A line that a program writes is cut here. */
export const longestLine = 4_096;

/** What a line of a program tells. */
export interface TunnelNews {
  /** The tunnel's address; nothing else is ever taken for one. */
  url?: string;
  /** Why it does not work, as a sentence. */
  problem?: string;
  /** It will not work by trying again. */
  isFinal?: boolean;
}

/** Reads a line of a program's output; null when it tells nothing of use. */
export function readTunnelLine(program: TunnelProgram, line: string): TunnelNews | null {
  const text = plain(line);
  return program === "cloudflared" ? readCloudflared(text) : readNgrok(text);
}

/** The address in a text if it is one that the program's service gives: https, a host of theirs, and nothing more. */
export function tunnelAddress(program: TunnelProgram, text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== "https:" || url.port !== "" || url.username !== "" || url.password !== "")
    return null;
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "" || url.hostname.length > 253) return null;
  return hosts[program].test(url.hostname) && text.replace(/\/$/, "") === url.origin ? url.origin : null;
}

/** `2026-01-01T00:00:00Z INF |  https://some-words.trycloudflare.com  |`, on the standard error output. */
function readCloudflared(line: string): TunnelNews | null {
  const [, address] = /\bINF \|\s+(\S+)\s+\|$/.exec(line.trimEnd()) ?? [];
  const url = address === undefined ? null : tunnelAddress("cloudflared", address);
  if (url !== null) return { url };
  const [, problem] = /\b(?:ERR|FTL) (.+)$/.exec(line) ?? [];
  if (problem === undefined) return null;
  if (/error code: 1015|429/.test(problem))
    return {
      problem: "Cloudflare gives no more quick tunnels to this address for now. Try again in an hour.",
    };
  return { problem: `cloudflared says: ${problem.slice(0, 300)}` };
}

/** ngrok 3 with `--log-format json`: one object a line. */
function readNgrok(line: string): TunnelNews | null {
  const fields = objectIn(line);
  if (fields === null) {
    const [, error] = /^ERROR:\s+(\S.*)$/.exec(line) ?? [];
    return error === undefined ? null : ngrokProblem(error);
  }
  const { msg, url, err } = fields;
  if (msg === "started tunnel" && typeof url === "string") {
    const address = tunnelAddress("ngrok", url);
    return address === null ? null : { url: address };
  }
  return typeof err === "string" && err !== "" && err !== "<nil>" && err !== "nil" ? ngrokProblem(err) : null;
}

function ngrokProblem(text: string): TunnelNews {
  const code = /ERR_NGROK_\d+/.exec(text)?.[0];
  if (code === "ERR_NGROK_4018" || code === "ERR_NGROK_105" || code === "ERR_NGROK_107")
    return {
      problem: `ngrok knows no account (${code}). Run "ngrok config add-authtoken" with your token as the server's user, then start the tunnel again.`,
      isFinal: true,
    };
  if (code === "ERR_NGROK_108")
    return {
      problem: `ngrok allows no further session of this account (${code}). End the other one, then start the tunnel again.`,
      isFinal: true,
    };
  return { problem: `ngrok says: ${text.slice(0, 300)}` };
}

function objectIn(line: string): Record<string, unknown> | null {
  if (!line.startsWith("{")) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Without colours and other controls. */
function plain(line: string): string {
  return line
    .slice(0, longestLine)
    .replaceAll(/\p{Cc}\[[0-9;]*[A-Za-z]/gu, "")
    .replaceAll(/\p{Cc}/gu, " ");
}
