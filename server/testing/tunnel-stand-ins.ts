import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";

/**
 * Writes programs that behave as cloudflared and ngrok do, into a folder for the PATH. Each start writes its arguments,
 * environment and process id beside them and gives another address; `mode` names files that change what they do.
 */
export async function tunnelStandIns(root: string) {
  const folder = join(root, "tunnel programs");
  await mkdir(folder, { recursive: true });
  const write = async (name: string, body: string): Promise<void> => {
    await writeFile(join(folder, name), `#!/bin/sh\n${common}\n${body}`);
    await chmod(join(folder, name), 0o755);
  };
  await write("cloudflared", cloudflared);
  await write("ngrok", ngrok);
  const read = (name: string) => readFile(join(folder, name), "utf8").catch(() => "");
  return {
    env: { PATH: `${folder}${delimiter}${process.env["PATH"] ?? ""}` },
    /** What the next starts do: `good`, `dies`, `silent`, `stubborn`, `hostile`, `unauthorised`. */
    mode: (mode: string) => writeFile(join(folder, "mode"), mode),
    starts: async () => Number((await read("starts")) || 0),
    hasFlooded: async () => (await read("flooded")) !== "",
    args: () => read("args"),
    environment: () => read("environment"),
    /** The process of the last start. */
    pid: async () => Number(await read("pid")),
    isRunning: async (): Promise<boolean> => {
      try {
        process.kill(Number(await read("pid")), 0);
        return true;
      } catch {
        return false;
      }
    },
  };
}

const common = `
here=$(dirname "$0")
mode=$(cat "$here/mode" 2>/dev/null || echo good)
starts=$(( $(cat "$here/starts" 2>/dev/null || echo 0) + 1 ))
echo "$starts" > "$here/starts"
printf '%s\\n' "$@" > "$here/args"
env > "$here/environment"
echo $$ > "$here/pid"
stay() { trap 'exit 0' TERM INT; while :; do sleep 1 & wait $!; done; }
`;

const cloudflared = `
say() { echo "2026-11-20T10:00:0$1Z $2" >&2; }
say 0 "INF Thank you for trying Cloudflare Tunnel. Doing so, without a Cloudflare account, is a quick way to experiment and try it out. However, be aware that these account-less Tunnels have no uptime guarantee."
say 0 "INF Requesting new quick Tunnel on trycloudflare.com..."
if [ "$mode" = silent ]; then stay; fi
if [ "$mode" = refused ]; then
  say 1 'ERR Error unmarshaling QuickTunnel response: error code: 1015 error="invalid character"'
  exit 1
fi
if [ "$mode" = hostile ]; then
  for bad in http://a.trycloudflare.com https://evil.example https://u:p@a.trycloudflare.com https://a.trycloudflare.com/x https://127.0.0.1; do
    say 1 "INF |  $bad  |"
  done
  head -c 300000000 /dev/zero | tr '\\0' x >&2
  printf '\\033[2J\\033]0;owned\\007\\n' >&2
  echo yes > "$here/flooded"
  stay
fi
say 3 "INF +----------------------------------------------------------------------------+"
say 3 "INF |  Your quick Tunnel has been created! Visit it at (it may take some time to be reachable):  |"
say 3 "INF |  https://quick-words-number-$starts.trycloudflare.com                        |"
say 3 "INF +----------------------------------------------------------------------------+"
say 4 "INF Registered tunnel connection connIndex=0 event=0 ip=198.41.192.27 location=FRA protocol=quic"
say 5 "INF |  https://another-in-its-place.trycloudflare.com  |"
if [ "$mode" = dies ]; then sleep 1; echo good > "$here/mode"; say 6 "ERR Lost connection with the edge"; exit 1; fi
if [ "$mode" = stubborn ]; then trap '' TERM; while :; do sleep 1; done; fi
stay
`;

const ngrok = `
echo '{"lvl":"info","msg":"no configuration paths supplied","t":"2026-11-20T10:00:00Z"}'
if [ "$mode" = unauthorised ]; then
  echo '{"err":"authentication failed: Usage of ngrok requires a verified account and authtoken.\\r\\n\\r\\nERR_NGROK_4018\\r\\n","lvl":"eror","msg":"failed to reconnect session","obj":"tunnels.session"}'
  echo 'ERROR:  authentication failed: Usage of ngrok requires a verified account and authtoken. ERR_NGROK_4018' >&2
  exit 1
fi
echo '{"addr":"127.0.0.1:4040","allow_hosts":[],"lvl":"info","msg":"starting web service","obj":"web"}'
echo '{"lvl":"info","msg":"client session established","obj":"tunnels.session"}'
echo "{\\"addr\\":\\"$2\\",\\"lvl\\":\\"info\\",\\"msg\\":\\"started tunnel\\",\\"name\\":\\"command_line\\",\\"obj\\":\\"tunnels\\",\\"url\\":\\"https://ab12-203-0-113-$starts.ngrok-free.app\\"}"
stay
`;
