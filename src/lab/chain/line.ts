import type { Cable } from "../../nodes/link.ts";
import { LabError } from "../errors.ts";
import type { Net } from "../net.ts";
import type { LabNode } from "../node.ts";

/** The first AS of the line; AS numbers count on from it. */
export const FIRST_AS = 34;
/** rtnetlink's number of routes that bgpd brought (rt_protos). */
const PROTOCOL_BGP = 186;
const TABLE_MAIN = 254;
const LOOKS_MAX = 60_000;
/** Hops that an IP packet can make (RFC 791 §3.1: the field has eight bits). */
export const TTL_MAX = 255;
/** What a Linux host gives its packets (net.ipv4.ip_default_ttl). */
const TTL_DEFAULT = 64;
/** What AS 34 announces and withdraws when asked to: a network of its own, nobody lives there. */
export const SPARE = "10.99.0.0/24";

/** Routers in a line, an AS each, and an experiment host at either end. */
export interface Line {
  readonly net: Net;
  readonly first: number;
  readonly last: number;
  /** In the order of their AS numbers. */
  readonly routers: readonly LabNode[];
  /** The host at the first router: it has an address of that router's link, and the router answers ARP for it. */
  readonly near: LabNode;
  /** The host on the last router's own network. */
  readonly far: LabNode;
  /** `cables[i]` joins router i and router i + 1. */
  readonly cables: readonly Cable[];
}

/** The network between AS n and AS n + 1; behind the last router, its own. AS 256's is 10.200.0.0/24 … 10.203.255.0/24. */
export const networkOf = (as: number): string => `10.${199 + (as >> 8)}.${as & 255}.0/24`;
/** An address on it: AS n has .2, AS n + 1 has .1. */
export const addressOn = (as: number, last: number): string => networkOf(as).replace(/\.0\/24$/, `.${last}`);

/** The TTL that every node of a line of so many routers gives its packets: Linux's own as long as it lasts from end to end. */
export const ttlOf = (routers: number): number => (routers < TTL_DEFAULT ? TTL_DEFAULT : TTL_MAX);

/** Lays out hosts, routers and cables; no router runs yet. */
export function layLine(net: Net, count: number, delay: string): Line {
  const [first, last] = [FIRST_AS, FIRST_AS + count - 1];
  const near = net.host(`h${first}`);
  const routers = Array.from({ length: count }, (_, i) => net.router(`as${first + i}`));
  const far = net.host(`h${last}`);
  const [head, tail] = [routers[0] as LabNode, routers.at(-1) as LabNode];
  net.link(near, head, { delay, ip: `${addressOn(first, 100)}/32`, peerIp: `${addressOn(first, 2)}/32` });
  const cables = routers.slice(1).map((right, i) => {
    const n = first + i;
    const [ip, peerIp] = [`${addressOn(n, 2)}/24`, `${addressOn(n, 1)}/24`];
    return net.link(routers[i] as LabNode, right, { delay, ip, peerIp });
  });
  net.link(tail, far, { delay, ip: `${addressOn(last, 2)}/24`, peerIp: `${addressOn(last, 100)}/24` });
  near.sh(`ip route add ${addressOn(first, 2)} dev ${near.name}-eth0`);
  near.sh(`ip route add default via ${addressOn(first, 2)}`);
  far.sh(`ip route add default via ${addressOn(last, 2)}`);
  head.sh(`ip route add ${addressOn(first, 100)} dev ${head.name}-eth0`);
  head.sh(`sysctl -q -w net.ipv4.conf.${head.name}-eth1.proxy_arp=1`);
  head.sh(`sysctl -q -w net.ipv4.neigh.${head.name}-eth1.proxy_delay=0`);
  if (ttlOf(count) !== TTL_DEFAULT)
    for (const node of [near, ...routers, far]) node.sh(`sysctl -q -w net.ipv4.ip_default_ttl=${ttlOf(count)}`);
  head.addAddress("lo", SPARE.replace(".0/24", ".1/24"));
  return { net, first, last, routers, near, far, cables };
}

/** Starts FRR on every router at once. */
export function startRouters(line: Line): void {
  line.routers.forEach((router, i) => {
    router.frr(configuration(line, line.first + i));
  });
}

/** A router's frr.conf: both neighbours, both links' networks. */
export function configuration({ first, last }: Pick<Line, "first" | "last">, as: number): string {
  const neighbours = [
    ...(as > first ? [`neighbor ${addressOn(as - 1, 2)} remote-as ${as - 1}`] : []),
    ...(as < last ? [`neighbor ${addressOn(as, 1)} remote-as ${as + 1}`] : []),
  ];
  const networks = [...(as > first ? [networkOf(as - 1)] : []), networkOf(as)].map((n) => `network ${n}`);
  const id = [as >>> 24, (as >>> 16) & 255, (as >>> 8) & 255, as & 255].join(".");
  return [
    `router bgp ${as}`,
    ...[`bgp router-id ${id}`, "no bgp ebgp-requires-policy", ...neighbours, ...networks].map((l) => ` ${l}`),
    "",
  ].join("\n");
}

/** How many routes bgpd has in a router's kernel. */
export const learnt = (router: LabNode): number =>
  router.kernel.fib.routes(TABLE_MAIN).reduce((n, route) => n + (route.protocol === PROTOCOL_BGP ? 1 : 0), 0);

/** Whether the kernel of router `i` has a route to every network of the line, but those of its own links. */
export const knowsAll = ({ routers }: Line, i: number): boolean =>
  learnt(routers[i] as LabNode) >= routers.length - (i === 0 ? 1 : 2);
/** Whether the kernels at both ends have a route to every network of the line. */
export const complete = (line: Line): boolean => knowsAll(line, 0) && knowsAll(line, line.routers.length - 1);

/** Lets time pass until something holds, with a look every 10 ms unless told. Returns seconds; an error when 60,000 looks were in vain. */
export function until(net: Net, what: string, holds: () => boolean, every = "10ms"): number {
  const from = net.now;
  for (let looks = 0; !holds(); looks++) {
    if (looks > LOOKS_MAX) throw new LabError(`${what}: still not after ${(net.now - from) / 1e9} s`);
    net.run(every);
  }
  return (net.now - from) / 1e9;
}
