import type { Net } from "../net.ts";
import type { LabNode } from "../node.ts";
import { readTable } from "./table.ts";

/** A router between the hinges. */
interface Station {
  readonly name: string;
  readonly as: number;
}
const WEST: Station = { name: "west", as: 65001 };
const EAST: Station = { name: "east", as: 65009 };
/** The three ways between the hinges, and how long each of a way's cables is. */
const WAYS = {
  short: { delay: "1ms", stations: [{ name: "short", as: 65010 }] },
  long: { delay: "20ms", stations: [1, 2, 3].map((i) => ({ name: `long${i}`, as: 65020 + i })) },
  firewall: { delay: "2ms", stations: [{ name: "firewall", as: 65030 }] },
} as const;
type Way = keyof typeof WAYS;
type Side = "west" | "east";
const WAY_NAMES: readonly Way[] = ["short", "long", "firewall"];
/** The networks at a hinge, and the way that the policy wants for each. */
const WANTED: readonly (readonly [number, Way])[] = [
  [1, "short"],
  [2, "long"],
  [3, "firewall"],
];
/** The community that says: take the long way. */
const LONG = "65000:2";
/** Whoever hears the community prefers the path. */
const PREFER_LONG = [
  `bgp community-list standard LONG permit ${LONG}`,
  ...["route-map FROM-LONG permit 10", "match community LONG", "set local-preference 200"],
  "route-map FROM-LONG permit 20",
];
const SETTLE = "20s";

/** A router's prefix segment is this label and its index: FRR's global block, and RFC 8402's example. */
export const SEGMENTS_FROM = 16_000;

/** Two hinges, three ways between them, a host at either. */
export interface Hinges {
  readonly net: Net;
  readonly west: LabNode;
  readonly east: LabNode;
  readonly hosts: readonly [LabNode, LabNode];
  /** Every router with its index, which its addresses and its segment show. */
  readonly routers: ReadonlyMap<string, number>;
  /** Who is at the other end of each router's cables, and under which address. */
  readonly neighbours: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** An address of a host, on network n at the west or at the east. */
export const hostAddress = (side: Side, n: number): string => `10.${side === "west" ? 211 : 212}.${n}.10`;

/** Lays out the network and starts its routers, with no policy yet. */
export function layHinges(net: Net): Hinges {
  const [west, east] = [net.router(WEST.name), net.router(EAST.name)];
  const hosts = [hostAt(net, west, "west"), hostAt(net, east, "east")] as const;
  const routers = new Map(stations().map((s, i) => [s.name, i + 1]));
  const neighbours = new Map([...routers.keys()].map((name) => [name, new Map<string, string>()]));
  let cable = 0;
  for (const name of WAY_NAMES) {
    const { delay, stations: between } = WAYS[name];
    for (const station of between) net.router(station.name);
    const way = [WEST, ...between, EAST];
    for (const [i, b] of way.slice(1).entries()) {
      const a = way[i] as Station;
      const network = `10.210.${++cable}`;
      net.link(net.node(a.name), net.node(b.name), { delay, ip: `${network}.1/24`, peerIp: `${network}.2/24` });
      neighbours.get(a.name)?.set(b.name, `${network}.2`);
      neighbours.get(b.name)?.set(a.name, `${network}.1`);
    }
  }
  const hinges: Hinges = { net, west, east, hosts, routers, neighbours };
  for (const station of stations()) {
    const router = net.node(station.name);
    router.sh(`sysctl -q -w net.mpls.platform_labels=${SEGMENTS_FROM + 1000}`);
    for (const { name } of router.kernel.devices()) router.sh(`sysctl -q -w net.mpls.conf.${name}.input=1`);
    router.frr(configuration(hinges, station) + segmentRouting(hinges, station));
  }
  return hinges;
}

/** Shows which way each network's packets go before and after the policy, by hops and by time. */
export function steer(hinges: Hinges): void {
  const { net } = hinges;
  net.run(SETTLE);
  net.untilConverged();
  const before = WANTED.map(([n]) => look(hinges, n));
  for (const side of ["west", "east"] as const) {
    const typed = ["configure terminal", ...policy(hinges, side), "end", "clear ip bgp * soft"];
    hinges[side].sh(`vtysh ${typed.map((l) => `-c "${l}"`).join(" ")}`);
  }
  net.say(`${hinges.west.name}# vtysh -c "configure terminal" …\n${policy(hinges, "west").join("\n")}\n`);
  net.run(SETTLE);
  net.untilConverged();
  const after = WANTED.map(([n]) => look(hinges, n));
  net.table({
    title: "the hinges: where packets from west go",
    columns: [
      "to",
      "before: way",
      "AS path",
      "ms there and back",
      "policy wants",
      "way",
      "AS path",
      "ms there and back",
    ],
    rows: WANTED.map(([n, way], i) => {
      const [b, a] = [before[i] as Look, after[i] as Look];
      return [hostAddress("east", n), b.way, b.path, b.ms.toFixed(2), way, a.way, a.path, a.ms.toFixed(2)];
    }),
  });
  net.check(
    "without a policy every network takes the short way",
    before.every((l) => l.way === "short"),
  );
  for (const [i, [n, way]] of WANTED.entries()) {
    const got = after[i] as Look;
    net.check(`with it ${hostAddress("east", n)} is reached over the ${way} way`, got.way === way, got.hops.join(" "));
    const expected = roundTrip(way);
    net.check(`and the time says so: ${expected} ms`, Math.abs(got.ms - expected) < 0.01, `${got.ms.toFixed(2)} ms`);
  }
}

/** The network function on the firewall's way: what it drops, and that it counts what passes. */
export function firewall({ net, hosts: [host, server] }: Hinges): void {
  const box = net.node("firewall");
  box.sh("iptables -A FORWARD -p tcp --dport 23 -j DROP");
  const servers = [23, 80].map((port) => server.spawn(`nc -lk ${port}`));
  const ask = (n: number, port: number): boolean =>
    host.exec(`nc -z -w 2 -s ${hostAddress("west", n)} ${hostAddress("east", n)} ${port}`).status === 0;
  const asked = [
    ["through the firewall", 3],
    ["over the short way", 1],
    ["over the long way", 2],
  ] as const;
  const rows = asked.map(([what, n]) => [
    what,
    ask(n, 80) ? "open" : "silent",
    ask(n, 23) ? "open" : "silent",
    drops(box),
  ]);
  for (const s of servers) s.interrupt();
  net.say(`${box.name}# iptables -nvL FORWARD\n${box.sh("iptables -nvL FORWARD")}`);
  net.table({
    title: "a network function on the path",
    columns: ["way", "port 80", "port 23", "dropped so far"],
    rows,
  });
  const [watched, ...others] = rows;
  net.check(
    "the firewall is on its way: port 23 is dropped there, port 80 passes",
    watched?.[1] === "open" && watched[2] === "silent",
  );
  net.check(
    "and on no other",
    others.every((r) => r[1] === "open" && r[2] === "open" && r[3] === watched?.[3]),
  );
}

const drops = (box: LabNode): number =>
  Number(/^ *(\d+) +\d+ DROP/m.exec(box.sh("iptables -nvxL FORWARD"))?.[1] ?? Number.NaN);

interface Look {
  readonly way: string;
  readonly path: string;
  readonly hops: readonly string[];
  readonly ms: number;
}

/** Which way packets to a network go: the second hop is a way's first router. */
function look({ net, west, neighbours, hosts: [host] }: Hinges, n: number): Look {
  const [from, to] = [hostAddress("west", n), hostAddress("east", n)];
  const trace = host.sh(`traceroute -n -q 1 -s ${from} ${to}`);
  net.say(`${host.name}# traceroute -n -q 1 -s ${from} ${to}\n${trace}`);
  const hops = [...trace.matchAll(/^ *\d+ {2}([\d.]+|\*)/gm)].map((m) => m[1] as string);
  const behindWest = [...(neighbours.get(WEST.name) ?? [])].find(([, address]) => address === hops[1])?.[0];
  const way = WAY_NAMES.find((w) => WAYS[w].stations[0]?.name === behindWest) ?? "none";
  const ms = Number(/time=([\d.]+)/.exec(host.sh(`ping -c 1 -I ${from} ${to}`))?.[1]);
  const shown = readTable(west.sh('vtysh -c "show ip bgp"'));
  const path = shown.find((row) => row.best && row.prefix === networkAt("east", n))?.path ?? "";
  return { way, path: path.replace(/ i$/, ""), hops, ms };
}

/** Milliseconds there and back over a way. */
const roundTrip = (way: Way): number => 2 * Number.parseFloat(WAYS[way].delay) * (WAYS[way].stations.length + 1);

const networkAt = (side: Side, n: number): string => hostAddress(side, n).replace(/10$/, "0/24");
const stations = (): readonly Station[] => [WEST, ...WAY_NAMES.flatMap((w) => WAYS[w].stations), EAST];

/** A host with an address in each of its hinge's networks. */
function hostAt(net: Net, hinge: LabNode, side: Side): LabNode {
  const host = net.host(`${side}-host`);
  net.link(host, hinge);
  const gateway = (n: number): string => hostAddress(side, n).replace(/10$/, "1");
  for (const [n] of WANTED) {
    host.addAddress(`${host.name}-eth0`, `${hostAddress(side, n)}/24`);
    hinge.addAddress(`${hinge.name}-eth0`, `${gateway(n)}/24`);
  }
  host.sh(`ip route add default via ${gateway(1)}`);
  return host;
}

/**
 * A router's frr.conf. Hinges have no policy yet; the firewall makes its paths one AS longer, so that nobody comes by unasked; the long
 * way's routers obey the community, or their own shortest path would be the one through a hinge.
 */
function configuration({ routers, neighbours }: Hinges, { name, as }: Station): string {
  const around = [...(neighbours.get(name) ?? [])];
  const asOf = (other: string): number => stations().find((s) => s.name === other)?.as ?? 0;
  const side = name === WEST.name ? "west" : name === EAST.name ? "east" : undefined;
  const map = name === "firewall" ? "DEAR out" : name.startsWith("long") ? "FROM-LONG in" : undefined;
  const lines = [
    `router bgp ${as}`,
    ` bgp router-id 10.210.255.${routers.get(name)}`,
    " no bgp ebgp-requires-policy",
    ...around.map(([other, address]) => ` neighbor ${address} remote-as ${asOf(other)}`),
    " address-family ipv4 unicast",
    ...(side === undefined ? [] : WANTED.map(([n]) => `  network ${networkAt(side, n)}`)),
    ...(map === undefined ? [] : around.map(([, address]) => `  neighbor ${address} route-map ${map}`)),
    " exit-address-family",
    ...(map === "DEAR out" ? ["route-map DEAR permit 10", ` set as-path prepend ${as}`] : []),
    ...(map === "FROM-LONG in" ? PREFER_LONG : []),
  ];
  return `${lines.join("\n")}\n`;
}

/** All routers are one area of OSPF, which tells of their segments and of nobody's networks. */
function segmentRouting({ routers, neighbours }: Hinges, { name }: Station): string {
  const hinge = name === WEST.name || name === EAST.name;
  const first = hinge ? 1 : 0; // a hinge's own network comes first
  const interfaces = [...(neighbours.get(name) ?? [])].map(
    (_, i) => `interface ${name}-eth${first + i}\n ip ospf network point-to-point\n`,
  );
  const self = `10.210.255.${routers.get(name)}/32`;
  return [
    ...interfaces,
    `interface lo\n ip address ${self}\n`,
    "router ospf\n network 10.210.0.0/16 area 0\n router-info area\n segment-routing on\n",
    ` segment-routing prefix ${self} index ${routers.get(name)}\n`,
  ].join("");
}

/**
 * What a hinge is told. Its second network bears a community on the long way, for which the other hinge prefers it; its third is prepended
 * on the short way, so that the firewall's is the shortest.
 */
function policy({ neighbours }: Hinges, side: Side): readonly string[] {
  const around = neighbours.get(side) ?? new Map<string, string>();
  const first = (way: Way): string =>
    WAYS[way].stations.map((s) => around.get(s.name)).find((a) => a !== undefined) ?? "";
  const as = side === "west" ? WEST.as : EAST.as;
  return [
    `ip prefix-list FAR permit ${networkAt(side, 2)}`,
    `ip prefix-list WATCHED permit ${networkAt(side, 3)}`,
    ...[
      "route-map TO-SHORT permit 10",
      "match ip address prefix-list WATCHED",
      `set as-path prepend ${as} ${as} ${as}`,
    ],
    "route-map TO-SHORT permit 20",
    ...["route-map TO-LONG permit 10", "match ip address prefix-list FAR", `set community ${LONG}`],
    "route-map TO-LONG permit 20",
    ...PREFER_LONG,
    `router bgp ${as}`,
    "address-family ipv4 unicast",
    `neighbor ${first("short")} route-map TO-SHORT out`,
    `neighbor ${first("long")} route-map TO-LONG out`,
    `neighbor ${first("long")} route-map FROM-LONG in`,
  ];
}
