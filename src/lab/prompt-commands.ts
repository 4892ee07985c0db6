import { formatIp } from "../core/addr.ts";
import { DROP_REASONS } from "../core/drop.ts";
import { HubPort } from "../nodes/hub.ts";
import { BridgeDevice } from "../nodes/kernel/dev/bridge.ts";
import { EthernetDevice } from "../nodes/kernel/dev/ethernet.ts";
import type { NetDevice } from "../nodes/kernel/netdev.ts";
import type { Cable, Line, Port } from "../nodes/link.ts";
import { LabError } from "./errors.ts";
import { type CableOptions, lineQuality, type Net } from "./net.ts";
import type { LabNode } from "./node.ts";
import { explain, type WhyOptions } from "./why.ts";
import { whyText } from "./why-text.ts";

/** A command of the prompt itself: gives what it prints, piece by piece. */
export type Builtin = (net: Net, args: readonly string[]) => Generator<string, void, void>;

export const HELP = "help lists the commands";

/** What Mininet's prompt has and this one has not. */
export const MININET_ONLY = new Set(
  "dpctl gterm iperf iperfudp noecho pingallfull pingpairfull px py sh source switch wait x xterm".split(" "),
);

const HELP_TEXT = `nodes | net | links | intfs | ports | dump   what there is, as Mininet prints it
pingall | pingpair                           who reaches whom; the first two hosts
NODE COMMAND                                 runs a command on a node; names of nodes stand for their addresses
NODE COMMAND &                               starts it; its output comes while time moves
NODE vtysh                                   talks to the daemons of FRR on a node; exit leaves it
NODE power off|on                            pulls a node's plug, or puts it back
link NODE NODE down|up                       takes the devices at both ends of a link down or up
cable NODE NODE [cut|mend]                   shows a cable; cuts it, or makes it whole
cable NODE NODE loss 10% delay 5ms …         tunes it: rate delay jitter loss duplicate corrupt reorder queue
run 5s | until converged | time [COMMAND]    lets simulated time pass; shows it, or how long a command takes
why NODE DESTINATION [udp PORT] [size N] [ttl N] [df]
                                             sends a packet and tells hop by hop what becomes of it
drops [NODE]                                 packets dropped, by reason
help | exit                                  this; the end (Ctrl-D)
`;

/** The commands that do not move time for long, by name. */
export const BUILTINS: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ["help", () => once(HELP_TEXT)],
  ["nodes", (net) => once(`available nodes are: \n${names(net).sort().join(" ")}\n`)],
  ["net", (net) => once(netText(net))],
  ["links", (net) => once(net.cables.map(linkText).join(""))],
  [
    "intfs",
    (net) =>
      perNode(
        net,
        (n) =>
          `${n.name}: ${devices(n)
            .map((d) => d.name)
            .join(",")}\n`,
      ),
  ],
  ["ports", (net) => once([...net.nodes.values()].map(portsText).join(""))],
  ["dump", (net) => perNode(net, dumpText)],
  ["pingall", (net, args) => pingAll(hosts(net), args)],
  ["pingpair", (net, args) => pingAll(hosts(net).slice(0, 2), args)],
  ["link", link],
  ["cable", cable],
  ["drops", drops],
  ["why", why],
]);

function* once(text: string): Generator<string, void, void> {
  yield text;
}
const perNode = (net: Net, text: (node: LabNode) => string): Generator<string, void, void> =>
  once([...net.nodes.values()].map(text).join(""));

const names = (net: Net): string[] => [...net.nodes.keys(), ...net.hubs.keys()];
/** Its devices but for the loopback. */
const devices = (node: LabNode): NetDevice[] =>
  [...node.kernel.devices()].filter((dev) => dev !== node.kernel.loopback);
const hosts = (net: Net): LabNode[] => [...net.nodes.values()].filter((node) => node.address !== undefined);
const bridges = (node: LabNode): BridgeDevice[] => devices(node).filter((dev) => dev instanceof BridgeDevice);

/** A port as Mininet names it: `h1-eth0`; where devices have short names `h1:eth1`. */
function portName(port: Port): string {
  if (!(port instanceof EthernetDevice) && !(port instanceof HubPort)) return port.label;
  const node = port instanceof HubPort ? port.hub.name : port.kernel.name;
  return port.name.startsWith(`${node}-`) ? port.name : `${node}:${port.name}`;
}

function netText(net: Net): string {
  const row = (name: string, ports: readonly (readonly [string, Port | undefined])[]): string =>
    `${name} ${ports.map(([own, peer]) => `${own}:${peer === undefined ? "" : portName(peer)}`).join(" ")}`.trimEnd();
  const nodes = [...net.nodes.values()].map((node) =>
    row(
      node.name,
      devices(node)
        .filter((dev) => dev instanceof EthernetDevice)
        .map((dev) => [dev.name, dev.cable?.peerOf(dev)]),
    ),
  );
  const hubs = [...net.hubs.values()].map((hub) =>
    row(
      hub.name,
      hub.ports.map((port) => [port.name, port.cable?.peerOf(port)]),
    ),
  );
  return [...nodes, ...hubs].map((line) => `${line}\n`).join("");
}

function linkText(c: Cable): string {
  const status = c.ends.map((end) => (end instanceof EthernetDevice && !(end.up && c.up) ? "MISSING" : "OK"));
  return `${c.ends.map(portName).join("<->")} (${c.up ? status.join(" ") : "cut"})\n`;
}

/** Bridge ports with their numbers. */
const portsText = (node: LabNode): string =>
  bridges(node)
    .map((bridge) => `${bridge.name} ${bridge.ports.map((port) => `${port.dev.name}:${port.number}`).join(" ")}\n`)
    .join("");

function dumpText(node: LabNode): string {
  const kind = bridges(node).length > 0 ? "Switch" : node.kernel.sysctl.all.forwarding ? "Router" : "Host";
  const addresses = node.kernel.os.addr.list();
  const all = devices(node).map((dev) => {
    const own = addresses.find((a) => a.ifname === dev.name);
    return `${dev.name}:${own === undefined ? "None" : formatIp(own.address)}`;
  });
  return `<${kind} ${node.name}: ${all.join(",")}${node.kernel.powered ? "" : " off"}>\n`;
}

/** mininet/net.py:Mininet.ping. */
function* pingAll(among: readonly LabNode[], args: readonly string[]): Generator<string, void, void> {
  if (args.length > 0) throw new LabError("pingall and pingpair take no arguments");
  yield "*** Ping: testing ping reachability\n";
  let sent = 0;
  let received = 0;
  for (const from of among) {
    const row: string[] = [];
    for (const to of among) {
      if (to === from) continue;
      sent++;
      const answered = from.ping(to.name).received > 0;
      if (answered) received++;
      row.push(answered ? to.name : "X");
    }
    yield `${from.name} -> ${row.join(" ")} \n`;
  }
  if (sent === 0) yield "*** Warning: No packets sent\n";
  else yield `*** Results: ${Math.floor(((sent - received) * 100) / sent)}% dropped (${received}/${sent} received)\n`;
}

/** mininet/net.py:Mininet.configLinkStatus. */
function* link(net: Net, args: readonly string[]): Generator<string, void, void> {
  const [a, b, status] = args;
  if (a === undefined || b === undefined || args.length !== 3 || (status !== "up" && status !== "down"))
    throw new LabError("link: expected link NODE NODE up or down");
  for (const end of cables(net, a, b).flatMap((c) => c.ends)) {
    if (end instanceof EthernetDevice) end.kernel.setUp(end, status === "up");
  }
}

function* cable(net: Net, args: readonly string[]): Generator<string, void, void> {
  const [a, b, first, ...rest] = args;
  if (a === undefined || b === undefined) throw new LabError("cable: expected two nodes, as in cable h1 s1 loss 10%");
  const found = cables(net, a, b);
  if (first === undefined) {
    for (const c of found) yield cableText(c);
    return;
  }
  if ((first === "cut" || first === "mend") && rest.length === 0) {
    for (const c of found) c.setUp(first === "mend");
    return;
  }
  const change = lineQuality(cableOptions([first, ...rest]));
  for (const c of found) c.tune(change);
}

const TUNABLE = new Set("rate delay jitter loss duplicate corrupt reorder queue".split(" "));

/** `loss 10% delay 5ms`. */
function cableOptions(words: readonly string[]): CableOptions {
  const options: Record<string, string | number> = {};
  for (let i = 0; i < words.length; i += 2) {
    const [key, value] = [words[i] as string, words[i + 1]];
    if (!TUNABLE.has(key))
      throw new LabError(`cable: "${key}": expected cut, mend or one of ${[...TUNABLE].join(", ")}`);
    if (value === undefined) throw new LabError(`cable: ${key} without a value`);
    if (key === "queue" && !/^\d{1,7}$/.test(value)) throw new LabError(`cable: queue "${value}": expected a number`);
    options[key] = key === "queue" ? Number(value) : value;
  }
  return options;
}

function cables(net: Net, a: string, b: string): Cable[] {
  for (const name of [a, b]) if (!names(net).includes(name)) throw new LabError(`not in the network: ${name}`);
  const found = net.cablesBetween(a, b);
  if (found.length === 0) throw new LabError(`${a} and ${b} are not connected`);
  return found;
}

function cableText(c: Cable): string {
  const line = (l: Line, from: Port, to: Port): string => {
    const q = l.quality;
    const parts = [
      q.rateBps === 0 ? "no rate" : `rate ${q.rateBps} bit/s`,
      `delay ${q.delayNs / 1e6} ms`,
      ...(q.jitterNs === 0 ? [] : [`jitter ${q.jitterNs / 1e6} ms`]),
      ...(["loss", "duplicate", "corrupt", "reorder"] as const)
        .filter((k) => q[k] > 0)
        .map((k) => `${k} ${q[k] * 100}%`),
      ...(q.rateBps === 0 ? [] : [`queue ${q.queueFrames}`]),
    ];
    return `${portName(from)} > ${portName(to)}: ${parts.join(", ")}; ${l.frames} frames, ${l.bytes} bytes\n`;
  };
  const [a, b] = c.ends;
  return `${c.up ? "" : "cut\n"}${line(c.lines[0], a, b)}${line(c.lines[1], b, a)}`;
}

function* drops(net: Net, args: readonly string[]): Generator<string, void, void> {
  if (args.length > 1) throw new LabError("drops: expected one node, or none");
  const nodes = args[0] === undefined ? [...net.nodes.values()] : [net.node(args[0])];
  const width = Math.max(...nodes.map((node) => node.name.length));
  for (const { name, kernel } of nodes) {
    for (const [reason, text] of DROP_REASONS.entries()) {
      const count = kernel.drops[reason] as number;
      if (count > 0) yield `${name.padEnd(width)}  ${String(count).padStart(8)}  ${text}\n`;
    }
  }
}

const WHY_USAGE = "why: expected why NODE DESTINATION [udp PORT] [size N] [ttl N] [df]";

function* why(net: Net, args: readonly string[]): Generator<string, void, void> {
  const [node, destination, ...rest] = args;
  if (node === undefined || destination === undefined) throw new LabError(WHY_USAGE);
  yield whyText(explain(net, node, destination, whyOptions(rest)));
}

const WHY_NUMBERS = new Map<string, readonly [keyof WhyOptions, number, number]>([
  ["udp", ["udpPort", 1, 65_535]],
  ["size", ["sizeBytes", 0, 65_507]],
  ["ttl", ["ttl", 1, 255]],
]);

/** `udp 53 size 1000 ttl 3 df`. */
export function whyOptions(words: readonly string[]): WhyOptions {
  const options: Record<string, number | boolean> = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word === "df") {
      options["dontFragment"] = true;
      continue;
    }
    const number = WHY_NUMBERS.get(word);
    if (number === undefined) throw new LabError(WHY_USAGE);
    const [key, low, high] = number;
    const text = words[++i] ?? "";
    if (!/^\d{1,6}$/.test(text) || Number(text) < low || Number(text) > high)
      throw new LabError(`why: ${word} "${text}": expected a number from ${low} to ${high}`);
    options[key] = Number(text);
  }
  return options;
}
