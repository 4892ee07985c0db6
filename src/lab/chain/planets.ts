import { LabError } from "../errors.ts";
import type { Net } from "../net.ts";
import { ipOf, type LabNode } from "../node.ts";
import { duration } from "../quantities.ts";
import { learnt, until } from "./line.ts";

/** A router on one of the planets. */
interface Planet {
  readonly name: string;
  readonly as: number;
  readonly network: number;
}
const EARTH: Planet = { name: "earth", as: 64501, network: 1 };
const MARS: Planet = { name: "mars", as: 64502, network: 2 };
/** A pair of routers for each: what they have been told of the distance, each with what those before it have, and what ends every try. */
const TOLD = ["nothing", "the MAC address", "BGP's timers", "TCP's patience"] as const;
const ENDS = [
  "ARP: after 3 s",
  "BGP's connect timer: after 120 s",
  "TCP: its SYNs end after two minutes",
  "nothing",
] as const;
const ALL = TOLD.length - 1;
/** How many one-way delays pass until a side has the other's prefix: SYN, SYN-ACK, OPEN, then OPEN and KEEPALIVE back, KEEPALIVE, UPDATE. */
const ONE_WAYS = { mars: 5, earth: 6 } as const;
/**
 * Linux's TCP_RTO_MAX: no sender waits longer for an answer, so at this distance each takes every segment for lost many times over,
 * and its congestion window of one segment holds the next message back, twice at most here.
 */
const RTO_MAX_S = 120;
const SLACK_S = 2 * RTO_MAX_S + 15;
const HOLD_S = 10_800;
/** From where on nothing works untold (the SYNs of Linux's six tries span 127 s, FRR's hold time is 180 s), and how far the hold time reaches. */
const [LIGHT_MIN, LIGHT_MAX] = ["2min", "85min"] as const;
/** SYNs and SYN-ACKs for four hours and three, data for eight. */
const PATIENCE = [
  "net.ipv4.tcp_syn_retries=127",
  "net.ipv4.tcp_synack_retries=100",
  "net.ipv4.tcp_retries1=255",
  "net.ipv4.tcp_retries2=255",
];

/** Reads the one-way delay between the planets; an error unless the timers set here suit it. */
export function lightOf(text: string): number {
  const light = duration(text, "light");
  if (light >= duration(LIGHT_MIN) && light <= duration(LIGHT_MAX)) return light;
  throw new LabError(`light "${text}": expected ${LIGHT_MIN} to ${LIGHT_MAX}`);
}

/** Pairs of routers with light-minutes between them: only those whose ARP, TCP and BGP know of the distance have a session. */
export function planets(net: Net, light: string): void {
  const d = lightOf(light) / 1e9;
  const pairs = TOLD.map((_, level) => lay(net, level, light));
  const [earth, mars] = pairs[ALL] as Pair;
  const startedAt = net.now;
  const prefixAt = (router: LabNode): number => {
    until(net, `${router.name}: the other planet's prefix`, () => learnt(router) === 1, "1s");
    return (net.now - startedAt) / 1e9;
  };
  const at = { mars: prefixAt(mars), earth: prefixAt(earth) };
  net.say(`${earth.name}# frr.conf and sysctl\n${configuration(ALL, EARTH, MARS)}${PATIENCE.join("\n")}\n`);
  net.say(`${earth.name}# vtysh -c "show ip bgp"\n${earth.sh('vtysh -c "show ip bgp"')}`);
  net.table({
    title: `${light} of light between two routers: when does each have the other's prefix?`,
    columns: ["router", "seconds", "one-way delays", "that its messages need"],
    rows: (["mars", "earth"] as const).map((side) => [
      side,
      at[side].toFixed(0),
      (at[side] / d).toFixed(2),
      ONE_WAYS[side],
    ]),
  });
  for (const side of ["mars", "earth"] as const) {
    const least = ONE_WAYS[side] * d;
    net.check(
      `${side} has the other's prefix after ${ONE_WAYS[side]} one-way delays and two time-outs of TCP at most`,
      at[side] >= least && at[side] <= least + SLACK_S,
      `${at[side]} s; ${least} to ${least + SLACK_S} s`,
    );
  }
  checkPing(net, earth, light);
  outlive(net, pairs);
}

function checkPing(net: Net, earth: LabNode, light: string): void {
  const d = duration(light);
  const ping = earth.ping(hostOf(MARS), { source: ipOf(hostOf(EARTH)), timeoutNs: 3 * d });
  const rttNs = ping.rttsNs[0] ?? Number.NaN;
  net.check("a ping takes there and back", Math.abs(rttNs - 2 * d) < 1e9, `${(rttNs / 1e9).toFixed(3)} s`);
}

/** What became of each pair after a hold time more. */
function outlive(net: Net, pairs: readonly Pair[]): void {
  net.run(HOLD_S);
  const rows = pairs.map(([earth, mars], level) => {
    const shown = earth.sh(`vtysh -c "show bgp neighbors ${addressOf(level, MARS)}"`);
    return [
      TOLD.slice(1, level + 1).join(", ") || TOLD[0],
      ENDS[level] as string,
      /BGP state = (\w+)/.exec(shown)?.[1] ?? "none",
      learnt(earth) + learnt(mars),
    ] as const;
  });
  net.table({
    title: "what routers must be told of the distance",
    columns: ["told", "what ends a try", "BGP at last", "prefixes"],
    rows,
  });
  const again = /retrans:\d+\/(\d+)/.exec(pairs[ALL]?.[0].sh("ss -tin") ?? "")?.[1] ?? "0";
  net.say(
    `Linux's TCP waits ${RTO_MAX_S} s for an answer and no longer, whatever it is told: earth has sent ${again} segments again, all in vain.\n`,
  );
  const prefixes = rows.map((r) => r[3]);
  net.check(
    "routers that lack any of it never meet",
    prefixes.slice(0, ALL).every((n) => n === 0),
    prefixes.join(" "),
  );
  net.check("those who have it all outlive their hold time", rows[ALL]?.[2] === "Established" && prefixes[ALL] === 2);
}

type Pair = readonly [LabNode, LabNode];

const hostOf = ({ network }: Planet): string => `10.222.${network}.1`;
const addressOf = (level: number, { network }: Planet): string => `10.221.${level}.${network}`;

function lay(net: Net, level: number, light: string): Pair {
  const [earth, mars] = [EARTH, MARS].map((p) => net.router(level === ALL ? p.name : `${p.name}${level}`)) as [
    LabNode,
    LabNode,
  ];
  const [ip, peerIp] = [EARTH, MARS].map((p) => `${addressOf(level, p)}/24`) as [string, string];
  net.link(earth, mars, { delay: light, ip, peerIp });
  const ends = [
    [earth, EARTH, mars, MARS],
    [mars, MARS, earth, EARTH],
  ] as const;
  for (const [router, planet, other, there] of ends) {
    router.addAddress("lo", `${hostOf(planet)}/24`);
    if (level >= TOLD.indexOf("the MAC address")) {
      const mac = /link\/ether ([\da-f:]+)/.exec(other.sh(`ip link show ${other.name}-eth0`))?.[1] ?? "";
      router.sh(`ip neigh add ${addressOf(level, there)} lladdr ${mac} dev ${router.name}-eth0 nud permanent`);
    }
    if (level >= TOLD.indexOf("TCP's patience")) for (const set of PATIENCE) router.sh(`sysctl -q -w ${set}`);
    router.frr(configuration(level, planet, there));
  }
  return [earth, mars];
}

/**
 * A planet's frr.conf. Those who know of the distance hold a session for three hours without a word, also while they wait for the OPEN;
 * one side alone connects, and gives TCP eighteen hours.
 */
function configuration(level: number, planet: Planet, other: Planet): string {
  const there = addressOf(level, other);
  const told = level >= TOLD.indexOf("BGP's timers");
  const lines = [
    `router bgp ${planet.as}`,
    " no bgp ebgp-requires-policy",
    ...(told ? [` timers bgp ${HOLD_S / 3} ${HOLD_S}`] : []),
    ` neighbor ${there} remote-as ${other.as}`,
    ...(told ? [` neighbor ${there} timers connect 65535`] : []),
    ...(told && planet === MARS ? [` neighbor ${there} passive`] : []),
    ` network 10.222.${planet.network}.0/24`,
  ];
  return `${lines.join("\n")}\n`;
}
