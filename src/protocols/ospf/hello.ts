import type { Ipv4 } from "../../core/addr.ts";
import { lengthOfMask, maskOf } from "../../core/addr.ts";
import { NEVER, S } from "../../core/time.ts";
import { logHello } from "./log.ts";
import { Neighbor, type OspfInterface } from "./model.ts";
import { sendBody } from "./send.ts";
import { ALL_SPF_ROUTERS, type Hello, OPTION_E, OPTION_MT, OPTION_NP } from "./wire.ts";

/** Hellos (RFC 2328 §9.5, §10.5; ospfd/ospf_packet.c:ospf_make_hello, ospf_hello). */

/** ospfd/ospf_packet.h:OSPF_HELLO_REPLY_DELAY. */
const HELLO_REPLY_DELAY = S;
/** Neighbours of one interface at most. */
const NEIGHBORS_MAX = 4096;

/** ospfd/ospf_packet.c:ospf_hello_send. */
export function sendHello(oi: OspfInterface): void {
  if (oi.passive) return;
  if (oi.peer !== undefined) return sendHelloTo(oi, oi.peer.address);
  if (!oi.nonBroadcast) return sendHelloTo(oi, ALL_SPF_ROUTERS);
  for (const n of oi.neighbors.all) if (n.state !== "Down" && hearsHellos(n)) sendHelloTo(oi, n.address);
}

/** Who is sent hellos where nothing reaches all (RFC 2328 §9.5.1). */
function hearsHellos(n: Neighbor): boolean {
  const { oi } = n;
  if (oi.type !== "non-broadcast") return true;
  if (oi.priority === 0) return n.address === oi.dr || n.address === oi.bdr;
  return n.priority !== 0 || oi.state !== "DROther";
}

export function sendHelloTo(oi: OspfInterface, to: Ipv4): void {
  const neighbors: Ipv4[] = [];
  for (const n of oi.neighbors.all) if (n.state !== "Down" && n.state !== "Attempt") neighbors.push(n.routerId);
  const hello: Hello = {
    kind: "hello",
    // ospfd/ospf_packet.c:ospf_make_hello: numbered point-to-point interfaces tell theirs as well
    mask: oi.type === "virtual" || (oi.unnumbered && oi.type === "point-to-point") ? 0 : maskOf(oi.prefix.length),
    intervalS: oi.helloS,
    options: oi.options,
    priority: oi.priority,
    deadS: oi.deadS,
    dr: oi.dr,
    bdr: oi.bdr,
    neighbors,
  };
  sendBody(oi, hello, to);
}

/** §10.5. */
export function receiveHello(oi: OspfInterface, routerId: Ipv4, source: Ipv4, hello: Hello): void {
  const { ospf } = oi;
  const why = unfit(oi, hello);
  if (why !== undefined) {
    logHello(oi, routerId, hello, why);
    return ospf.drop(why, { ifname: oi.ifname });
  }
  const n = neighborOf(oi, routerId, source);
  if (n === undefined) return ospf.drop("too many neighbors", { ifname: oi.ifname });
  const unknown = n.state === "Down" || n.state === "Attempt";
  ospf.later(() => ospf.hooks.neighborEvent(n, "HelloReceived"));
  if (n.helping !== undefined) {
    // ospfd/ospf_packet.c:ospf_hello: while it restarts what it says of others does not count
    if (hello.neighbors.includes(ospf.routerId)) ospf.later(() => ospf.hooks.neighborEvent(n, "2-WayReceived"));
    return;
  }
  const before = { priority: n.priority, dr: n.dr, bdr: n.bdr };
  n.priority = hello.priority;
  n.dr = hello.dr;
  n.bdr = hello.bdr;
  if (oi.type === "non-broadcast") {
    // RFC 2328 §9.5.1: who cannot be elected answers who can
    if (oi.priority === 0 && hello.priority > 0 && oi.dr !== source && oi.bdr !== source)
      n.helloReply.set(ospf.now + HELLO_REPLY_DELAY);
    // ospfd/ospf_packet.c:ospf_hello: its first hello does not count, so that no election goes wrong
    if (unknown) return ospf.later(() => ospf.hooks.neighborEvent(n, "1-WayReceived"));
  }
  if (!hello.neighbors.includes(ospf.routerId)) return ospf.later(() => ospf.hooks.neighborEvent(n, "1-WayReceived"));
  ospf.later(() => ospf.hooks.neighborEvent(n, "2-WayReceived"));
  n.options |= hello.options;
  designations(n, hello, before);
}

/** What the hello says of the designated router and its backup. */
function designations(n: Neighbor, hello: Hello, before: { priority: number; dr: Ipv4; bdr: Ipv4 }): void {
  const { oi, address } = n;
  const { ospf } = oi;
  if (oi.state === "Waiting" && ((hello.dr === address && hello.bdr === 0) || hello.bdr === address))
    ospf.later(() => ospf.hooks.interfaceEvent(oi, "BackupSeen"));
  const changed =
    (hello.dr === address) !== (before.dr === address) ||
    (hello.bdr === address) !== (before.bdr === address) ||
    (before.priority >= 0 && before.priority !== hello.priority);
  if (changed) ospf.later(() => ospf.hooks.interfaceEvent(oi, "NeighborChange"));
  // RFC 3623 §2: who was the designated router before its restart is that again
  if (ospf.restarting !== undefined && oi.state === "Waiting" && hello.dr === oi.address) oi.dr = hello.dr;
}

function unfit(oi: OspfInterface, hello: Hello): string | undefined {
  const multipoint = oi.type === "point-to-multipoint" && oi.prefix.length === 32;
  const masked = oi.type !== "point-to-point" && oi.type !== "virtual" && !multipoint;
  if (masked && lengthOfMask(hello.mask) !== oi.prefix.length) return "hello mask";
  if (hello.deadS !== oi.deadS) return "hello dead interval";
  if (oi.settings.helloMultiplier === undefined && hello.intervalS !== oi.helloS) return "hello interval";
  if ((hello.options & OPTION_MT) !== 0) return "hello options";
  if (((hello.options ^ oi.options) & OPTION_E) !== 0) return "hello options";
  if (oi.area.settings.kind === "nssa" && (hello.options & OPTION_NP) === 0) return "hello options";
  return undefined;
}

/** On point-to-point interfaces neighbours are known by router id, elsewhere by address (ospfd/ospf_neighbor.c:ospf_nbr_get). */
export const neighborKey = (oi: OspfInterface, routerId: Ipv4, source: Ipv4): Ipv4 =>
  oi.type === "point-to-point" || oi.type === "virtual" ? routerId : source;

function neighborOf(oi: OspfInterface, routerId: Ipv4, source: Ipv4): Neighbor | undefined {
  const { ospf } = oi;
  const key = neighborKey(oi, routerId, source);
  const known = oi.neighbors.get(key);
  if (known !== undefined && known.address === source) {
    known.routerId = routerId;
    return known;
  }
  if (oi.neighbors.size >= NEIGHBORS_MAX) return undefined;
  if (known !== undefined) ospf.hooks.neighborEvent(known, "KillNbr");
  const n = new Neighbor(oi, source, routerId);
  oi.neighbors.set(key, n);
  const configured = ospf.staticNeighbors.get(source);
  if (configured?.oi === oi) {
    configured.neighbor = n;
    n.configured = configured;
    configured.pollTimer.set(NEVER);
  }
  return n;
}
