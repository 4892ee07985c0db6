import { formatIp, type Ipv4, lengthOfMask } from "../../core/addr.ts";
import { LOG_INFO, LOG_NOTICE, LOG_WARNING, type LogMessage } from "../../frr/log.ts";
import { atLeast, type NeighborEvent, type NeighborState } from "./machine.ts";
import type { Neighbor, OspfInterface } from "./model.ts";
import { type DatabaseDescription, type Hello, OPTION_MT } from "./wire.ts";

/** What ospfd logs of neighbours, in FRR's words (ospfd/ospf_nsm.c, ospfd/ospf_packet.c). */

/** ospfd/ospf_errors.h:EC_OSPF_PACKET. */
const CATEGORY = 134_217_741;
const notice = (id: string): LogMessage => ({ level: LOG_NOTICE, id });
const info = (id: string): LogMessage => ({ level: LOG_INFO, id });
const warning = (id: string): LogMessage => ({ level: LOG_WARNING, id, category: CATEGORY });

const CHANGE = notice("Y05P2-YJVXY");
const ROUTER_LSA = info("S3578-FNEB0");
const INITIALIZING = info("K9Q2W-82MY9");
const DD_SENT = info("YPCA4-JHA8Q");
const DD_RESENT = info("XGKSD-28KJC");
const DD_RECEIVED = info("SXPB9-WR7E3");
const DD_DISCARDED = info("NXPJ5-5EYNJ");
const SLAVE = info("QY7PX-A76VE");
const MASTER = info("S5PCG-77H23");
const SLAVE_WAITS = info("MJPRP-6G4WM");
const DUPLICATE_MASTER = info("TAPT1-BF89G");
const DUPLICATE_SLAVE = info("HCD35-SD5XN");
const NO_NEGOTIATION = warning("G51J2-0949Y");
const MTU = warning("XZZ9Y-NNTMQ");
const DD_MT = warning("QKZ7F-K2V48");
const HELLO_MASK = warning("X978W-FEJC8");
const HELLO_DEAD = warning("XQA13-4ED8B");
const HELLO_INTERVAL = warning("YMNZB-QCM62");
const HELLO_MT = warning("Z7QFG-Y1VJJ");
const HELLO_NSSA = warning("RYD23-848X1");
const HELLO_OPTIONS = warning("K5J0F-RJJRB");
const AREA = warning("Y9FH4-5CVMQ");

/** `eth0:10.0.0.1` (ospfd/ospf_interface.c:ospf_if_name). */
const nameOf = (oi: OspfInterface): string =>
  oi.type === "virtual" ? oi.ifname : `${oi.ifname}:${formatIp(oi.address)}`;
const detailed = (oi: OspfInterface): boolean => oi.ospf.settings.logChanges === "detail";

/** `log-adjacency-changes` (ospfd/ospf_nsm.c:nsm_notice_state_change): without `detail` only what begins and what ends an adjacency. */
export function logChange(n: Neighbor, before: NeighborState, state: NeighborState, why: NeighborEvent): void {
  const { oi, routerId, address } = n;
  const { log, settings } = oi.ospf;
  if (settings.logChanges === "off") return;
  if (settings.logChanges === "on" && state !== "Full" && atLeast(state, before)) return;
  log.say(CHANGE, () => {
    const who = `Nbr ${formatIp(routerId)}, NbrIP ${formatIp(address)} (default) on ${nameOf(oi)}`;
    return `AdjChg: ${who}: ${before} -> ${state} (${why})`;
  });
}
/** A neighbour is full, or is so no longer. */
export function logRouterLsa(n: Neighbor, before: NeighborState, state: NeighborState): void {
  if (!detailed(n.oi)) return;
  const text = (): string =>
    `nsm_change_state:[${formatIp(n.routerId)}:default], ${before} -> ${state}): scheduling new router-LSA origination`;
  n.oi.ospf.log.say(ROUTER_LSA, text);
}
export function logInitializing(n: Neighbor): void {
  if (detailed(n.oi)) n.oi.ospf.log.say(INITIALIZING, () => `default: Initializing [DD]: ${ddText(n)}`);
}
export function logDdSent(n: Neighbor, again: boolean): void {
  if (!detailed(n.oi)) return;
  const [message, word] = again ? ([DD_RESENT, "resend"] as const) : ([DD_SENT, "send"] as const);
  n.oi.ospf.log.say(message, () => `default:Packet[DD]: ${formatIp(n.routerId)} DB Desc ${word} with ${flagsText(n)}`);
}
const ddText = (n: Neighbor): string => `${formatIp(n.routerId)} with ${flagsText(n)}`;
const flagsText = (n: Neighbor): string => `seqnum:${n.ddSeq.toString(16)} , flags:${n.ddFlags.toString(16)}`;

export function logDdReceived(n: Neighbor, dd: DatabaseDescription): void {
  if (!detailed(n.oi)) return;
  n.oi.ospf.log.say(DD_RECEIVED, () => {
    const numbers = `seq_num:0x${dd.seq.toString(16)}, local:0x${n.ddSeq.toString(16)}`;
    return `default:Packet[DD]: Neighbor ${formatIp(n.routerId)} state is ${n.state}, ${numbers}`;
  });
}
/** What came of a description. */
export type DdOutcome =
  | "discarded"
  | "slave"
  | "master"
  | "slave waits"
  | "no negotiation"
  | "duplicate for master"
  | "duplicate for slave";

export function logDd(n: Neighbor, what: DdOutcome): void {
  const [message, words, only] = DD_TEXTS[what];
  if (only && !detailed(n.oi)) return;
  n.oi.ospf.log.say(message, () => words.replace("%n", `Neighbor ${formatIp(n.routerId)}`).replace("%s", n.state));
}
/** Message, words, and whether they are only logged in detail. */
const DD_TEXTS: Readonly<Record<DdOutcome, readonly [LogMessage, string, boolean]>> = {
  discarded: [DD_DISCARDED, "Packet[DD]: %n state is %s, packet discarded.", true],
  slave: [SLAVE, "Packet[DD]: %n Negotiation done (Slave).", true],
  master: [MASTER, "Packet[DD]: %n Negotiation done (Master).", false],
  "slave waits": [SLAVE_WAITS, "Packet[DD]: %n: Initial DBD from Slave, ignoring.", true],
  "no negotiation": [NO_NEGOTIATION, "Packet[DD]: %n Negotiation fails.", false],
  "duplicate for master": [DUPLICATE_MASTER, "Packet[DD] (Master): %n packet duplicated.", false],
  "duplicate for slave": [DUPLICATE_SLAVE, "Packet[DD] [Slave]: %n packet duplicated.", false],
};

export function logDdMtu(n: Neighbor, mtu: number): void {
  const { oi } = n;
  const text = (): string =>
    `Packet[DD]: Neighbor ${formatIp(n.routerId)} MTU ${mtu} is larger than [${nameOf(oi)}]'s MTU ${oi.device.mtuBytes}`;
  oi.ospf.log.say(MTU, text);
}
export function logDdTopology(n: Neighbor): void {
  n.oi.ospf.log.say(DD_MT, () => `Packet[DD]: Neighbor ${formatIp(n.routerId)}: T-bit on?`);
}

/** A hello does not fit: `why` as it is counted. */
export function logHello(oi: OspfInterface, routerId: Ipv4, hello: Hello, why: string): void {
  const { log } = oi.ospf;
  const head = `Packet ${formatIp(routerId)} [Hello:RECV]:`;
  const on = nameOf(oi);
  const options = (): string => `my options: ${oi.options.toString(16)}, his options ${hello.options.toString(16)}`;
  switch (why) {
    case "hello mask": {
      const lengths = `configured prefix length is ${oi.prefix.length}, but hello packet indicates ${lengthOfMask(hello.mask)}`;
      return log.say(HELLO_MASK, () => `${head} NetworkMask mismatch on ${on} (${lengths}).`);
    }
    case "hello dead interval": {
      const seconds = `expected ${oi.deadS}, but received ${hello.deadS}`;
      return log.say(HELLO_DEAD, () => `${head} RouterDeadInterval mismatch on ${on} (${seconds}).`);
    }
    case "hello interval": {
      const seconds = `expected ${oi.helloS}, but received ${hello.intervalS}`;
      return log.say(HELLO_INTERVAL, () => `${head} HelloInterval mismatch on ${on} (${seconds}).`);
    }
    case "hello options":
      if ((hello.options & OPTION_MT) !== 0) return log.say(HELLO_MT, () => `${head} T-bit ON on ${on}, drop it.`);
      if (oi.area.settings.kind === "nssa")
        return log.say(HELLO_NSSA, () => `NSSA-Packet-${formatIp(routerId)}[Hello:RECV]: ${options()}`);
      return log.say(HELLO_OPTIONS, () => `${head} ${options()}`);
  }
}
/** A packet is of another area than the interface. */
export function logArea(oi: OspfInterface, areaId: Ipv4): void {
  oi.ospf.log.say(AREA, () => `interface ${nameOf(oi)}: ospf_read invalid Area ID ${formatIp(areaId)}`);
}
