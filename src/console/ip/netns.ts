import { Args } from "./args.ts";
import type { Ip } from "./context.ts";
import { failure, notBuilt, usage } from "./exit.ts";
import { knownNamespaceId } from "./link-facts.ts";

/** Whether the command goes on beyond its call: another one runs in its place. */
export type Outlives = boolean;

/** `ip netns` (ip/ipnetns.c:do_netns): the nodes of a lab are its namespaces. */
export function netns(ip: Ip, args: Args): Outlives {
  const rest = new Args(args.rest.slice(1));
  if (rest.more && isInvalidName(rest.word)) throw usage(`Invalid netns name "${rest.word}"`);
  if (!args.more || args.abbreviates("list", "show", "lst")) return list(ip);
  if (args.abbreviates("list-id")) throw notBuilt("ip netns list-id");
  if (args.abbreviates("help")) throw usage(USAGE);
  for (const change of ["add", "set", "delete"]) {
    if (args.abbreviates(change)) throw notBuilt(`ip netns ${change} (the nodes of the lab are its namespaces)`);
  }
  if (args.abbreviates("identify")) return identify(ip, rest);
  if (args.abbreviates("pids")) throw notBuilt("ip netns pids");
  if (args.abbreviates("exec")) return exec(ip, rest);
  for (const other of ["monitor", "attach"]) if (args.abbreviates(other)) throw notBuilt(`ip netns ${other}`);
  throw usage(`Command "${args.word}" is unknown, try "ip netns help".`);
}

const isInvalidName = (name: string): boolean =>
  name === "" || name.length > 255 || name.includes("/") || name === "." || name === "..";

/** Every node, with the number that it has here if it was given one. */
function list(ip: Ip): Outlives {
  const { out, world, kernel } = ip;
  out.begin();
  for (const name of world.names()) {
    const other = world.kernel(name);
    const id = other === undefined ? undefined : knownNamespaceId(kernel, other);
    out.object();
    out.put("name", name, name);
    if (id !== undefined) out.put("id", id, ` (id: ${id})`);
    out.text("\n");
    out.endObject();
  }
  out.end();
  return false;
}

function identify(ip: Ip, args: Args): Outlives {
  if (args.more) throw notBuilt("ip netns identify PID");
  ip.out.text(`${ip.kernel.name}\n`);
  ip.out.flush();
  return false;
}

/** `ip netns exec NAME COMMAND…`: its output and its status are those of the command. */
function exec(ip: Ip, args: Args): Outlives {
  if (!args.more) throw failure("No netns name specified");
  const [name = "", ...words] = args.rest;
  if (words.length === 0) throw failure("No command specified");
  const { self } = ip;
  const running = self.start(namespace(ip, name), words);
  if (running === undefined) throw failure(`exec of "${words[0]}" failed: No such file or directory`);
  if (running.output !== "") self.out(running.output);
  running.onOutput((text) => self.out(text));
  self.onInterrupt(() => running.interrupt());
  running.onExit(() => self.exit(running.status ?? 1));
  return true;
}

/** A namespace by name; without one the command ends (lib/namespace.c:netns_switch). */
export function namespace(ip: Pick<Ip, "world">, name: string): Ip["kernel"] {
  const kernel = ip.world.kernel(name);
  if (kernel === undefined) throw usage(`Cannot open network namespace "${name}": No such file or directory`);
  return kernel;
}

const USAGE = ["Usage:	ip netns list", "	ip netns identify", "	ip netns exec NAME cmd ..."].join("\n");
