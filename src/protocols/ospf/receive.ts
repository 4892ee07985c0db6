import { u8, u16, u32 } from "../../core/bytes.ts";

import { freshSequence, verify } from "./auth.ts";
import { covers } from "./destinations.ts";
import { receiveDd } from "./exchange.ts";
import { acknowledged, slotFor } from "./flood.ts";
import { neighborKey, receiveHello } from "./hello.ts";
import { logArea } from "./log.ts";
import { compareInstances } from "./lsa.ts";
import { DO_NOT_AGE, LSA_HEADER, LSA_OPAQUE_AS, MAX_AGE } from "./lsa-codec.ts";
import { atLeast } from "./machine.ts";
import type { Neighbor, Ospf, OspfInterface } from "./model.ts";
import type { Arrival } from "./process-time.ts";
import { receiveUpdate } from "./receive-update.ts";
import { queueUpdate } from "./update.ts";
import * as wire from "./wire.ts";

/** Packets that arrive (RFC 2328 §8.2; ospfd/ospf_packet.c:ospf_read_helper). What is not sound is dropped and counted. */

/** The packet [o, end), without IP header. */
export function receive(ospf: Ospf, b: Uint8Array, o: number, end: number, info: Arrival): void {
  const { source, destination } = info;
  if (!ospf.enabled) return;
  if (isOwn(ospf, source)) return; // its own, looped back
  const here = ospf.byIndex.get(info.ifindex) ?? [];
  const oi = virtualLink(ospf, here, b, o, end) ?? receiver(here, source);
  if (oi === undefined) return ospf.drop("no interface", { ifindex: info.ifindex });
  if (oi.settings.neighborFilter !== undefined && !ospf.hooks.mayHear(oi, source))
    return ospf.drop("neighbor filter", { ifname: oi.ifname });
  const why = unsound(oi, b, o, end, destination);
  if (why !== undefined) {
    if (why === "area") logArea(oi, wire.areaId(b, o));
    return ospf.drop(why, { ifname: oi.ifname });
  }
  const routerId = wire.routerId(b, o);
  if (routerId === ospf.routerId) return ospf.drop("duplicate router id", { ifname: oi.ifname });
  if (oi.passive || oi.state === "Down" || oi.state === "Loopback") return ospf.drop("passive", { ifname: oi.ifname });
  dispatch(oi, b, o, o + wire.packetLength(b, o), routerId, source);
}

function isOwn(ospf: Ospf, source: number): boolean {
  for (const oi of ospf.interfaces) if (oi.address === source) return true;
  return false;
}

/** The virtual link that a packet belongs to (ospfd/ospf_packet.c:ospf_associate_packet_vl). */
function virtualLink(
  ospf: Ospf,
  here: readonly OspfInterface[],
  b: Uint8Array,
  o: number,
  end: number,
): OspfInterface | undefined {
  if (ospf.settings.virtualLinks.length === 0 || end - o < wire.HEADER || wire.areaId(b, o) !== 0) return undefined;
  const id = wire.routerId(b, o);
  return ospf.interfaces.find(({ peer }) => peer?.routerId === id && here.some((oi) => oi.area === peer.transit));
}

/** The address of an interface that a packet from `source` belongs to (ospfd/ospf_interface.c:ospf_if_lookup_recv_if). */
function receiver(all: readonly OspfInterface[], source: number): OspfInterface | undefined {
  let best: OspfInterface | undefined;
  for (const oi of all) {
    if (oi.device.loopback || oi.unnumbered || !hears(oi, source)) continue;
    if (best === undefined || best.prefix.length < oi.prefix.length) best = oi;
  }
  return best ?? all.find((oi) => oi.unnumbered);
}

/** Whether a source lies in the network of an interface, or of the peer that its address has. */
function hears({ device, prefix }: OspfInterface, source: number): boolean {
  for (const a of device.addresses)
    if (a.prefix.address === prefix.address && a.peer !== undefined)
      return covers({ address: a.peer, length: prefix.length }, source, 32);
  return covers(prefix, source, 32);
}

function unsound(oi: OspfInterface, b: Uint8Array, o: number, end: number, destination: number): string | undefined {
  if (end - o < wire.HEADER) return "short";
  if (wire.version(b, o) !== 2) return "version";
  const length = wire.packetLength(b, o);
  if (length < wire.HEADER || o + length > end) return "length";
  // FRR: packets to all designated routers are for those only
  if (destination === wire.ALL_DR_ROUTERS && oi.state !== "DR" && oi.state !== "Backup") return "not designated";
  if (wire.areaId(b, o) !== oi.area.id) return "area";
  return verify(oi, b, o, end);
}

function dispatch(oi: OspfInterface, b: Uint8Array, o: number, end: number, routerId: number, source: number): void {
  const { ospf, counters } = oi;
  const type = wire.type(b, o);
  const known = oi.neighbors.get(neighborKey(oi, routerId, source));
  if (known !== undefined && !freshSequence(known, b, o)) return ospf.drop("sequence", { ifname: oi.ifname });
  if (type === wire.HELLO) {
    counters.helloIn++;
    const got = wire.decode(b, o, end);
    if (!got.ok || got.value.body.kind !== "hello") return ospf.drop("length", { ifname: oi.ifname });
    return receiveHello(oi, routerId, source, got.value.body);
  }
  if (known === undefined || known.address !== source) return ospf.drop("unknown neighbor", { ifname: oi.ifname });
  const body = o + wire.HEADER;
  switch (type) {
    case wire.DATABASE_DESCRIPTION: {
      counters.ddIn++;
      const got = wire.decode(b, o, end);
      if (!got.ok || got.value.body.kind !== "dd") return ospf.drop("length", { ifname: oi.ifname });
      return receiveDd(known, got.value.body);
    }
    case wire.LS_REQUEST:
      counters.requestIn++;
      return receiveRequest(known, b, body, end);
    case wire.LS_UPDATE:
      counters.updateIn++;
      return receiveUpdate(known, b, body, end);
    case wire.LS_ACK:
      counters.ackIn++;
      return receiveAck(known, b, body, end);
    default:
      return ospf.drop("type", { ifname: oi.ifname });
  }
}

/** §10.7. */
function receiveRequest(n: Neighbor, b: Uint8Array, o: number, end: number): void {
  const { oi } = n;
  const { ospf } = oi;
  if ((end - o) % wire.REQUEST !== 0) return ospf.drop("length", { ifname: oi.ifname });
  if (!atLeast(n.state, "Exchange")) return ospf.drop("neighbor state", { ifname: oi.ifname });
  const slots = [];
  for (let at = o; at < end; at += wire.REQUEST) {
    const type = u32(b, at);
    const slot = slotFor(oi, type, u32(b, at + 4), u32(b, at + 8));
    if (slot === undefined) return ospf.later(() => ospf.hooks.neighborEvent(n, "BadLSReq"));
    slots.push(slot);
  }
  for (const slot of slots) queueUpdate(n.oi, slot);
}

/** §13.7. */
function receiveAck(n: Neighbor, b: Uint8Array, o: number, end: number): void {
  const { oi } = n;
  const { ospf } = oi;
  if ((end - o) % LSA_HEADER !== 0) return ospf.drop("length", { ifname: oi.ifname });
  if (!atLeast(n.state, "Exchange")) return ospf.drop("neighbor state", { ifname: oi.ifname });
  for (let at = o; at < end; at += LSA_HEADER) {
    const type = u8(b, at + 3);
    if (type === 0 || type > LSA_OPAQUE_AS) continue;
    const slot = slotFor(oi, type, u32(b, at + 4), u32(b, at + 8));
    if (slot === undefined || !n.retransmit.has(slot)) continue;
    const heard = { seq: u32(b, at + 12) | 0, checksum: u16(b, at + 16) };
    const age = Math.min(u16(b, at) & ~DO_NOT_AGE, MAX_AGE);
    if (compareInstances(slot.lsa, slot.ageNow(ospf.now), heard, age) === 0) acknowledged(n, slot);
  }
  oi.adjacencyPacing?.feedback();
  if (oi.lsaPacing !== undefined) n.paced?.adjust(oi.lsaPacing);
}
