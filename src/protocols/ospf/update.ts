import type { Ipv4 } from "../../core/addr.ts";
import { setU16, setU32 } from "../../core/bytes.ts";
import { MS, type Nanos, S } from "../../core/time.ts";
import { bodyMax } from "./auth.ts";
import type { Lsa } from "./lsa.ts";
import { LSA_HEADER } from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import { atLeast, nextBeat } from "./machine.ts";
import { type Neighbor, type Ospf, type OspfInterface, UpdateQueue } from "./model.ts";
import { blankPacket, sendPacket } from "./send.ts";
import { ALL_DR_ROUTERS, ALL_SPF_ROUTERS, HEADER, LS_ACK, LS_UPDATE } from "./wire.ts";

/** Link state updates and acknowledgements on their way out (RFC 2328 §13.3, §13.5). */

/** Acknowledgements wait for the next beat of their interface's timer (ospfd/ospf_packet.c:ospf_ls_ack_timer). */
const ACK_INTERVAL = S;
/** Advertisements that wait for one destination, or acknowledgements on one interface, at most. */
const QUEUE_MAX = 100_000;
/** Destinations whose queues are kept while they are empty. */
const DESTINATIONS_KEPT = 16;

/**
 * Between the updates that a router sends lies a time that grows with the database, so that what comes in between leaves in one packet: FRR's ospfd, which reads up
 * to twenty packets before it sends, gathers as much while it floods much (ospfd/ospf_packet.c:ospf_read). It is at most what reading a full packet takes; in a
 * small network nothing waits.
 */
const GAP_EACH = 10_000;
const GAP_MAX = MS / 2;
const updateGap = (oi: OspfInterface): Nanos => Math.min(oi.area.lsdb.size * GAP_EACH, GAP_MAX);

/** Sends an instance to all who are adjacent on an interface, once this instant's events are done. */
export function queueUpdate(oi: OspfInterface, slot: Slot): void {
  if (oi.nonBroadcast) return eachAdjacent(oi, (n) => enqueue(oi, n.address, slot));
  if (!oi.elects) return enqueue(oi, ALL_SPF_ROUTERS, slot);
  enqueue(oi, oi.state === "DR" || oi.state === "Backup" ? ALL_SPF_ROUTERS : ALL_DR_ROUTERS, slot);
}

/** Sends an instance to all routers, whoever is adjacent. */
export const queueUpdateToAll = (oi: OspfInterface, slot: Slot): void => enqueue(oi, ALL_SPF_ROUTERS, slot);

function eachAdjacent(oi: OspfInterface, visit: (n: Neighbor) => void): void {
  for (const n of oi.neighbors.all) if (atLeast(n.state, "Exchange")) visit(n);
}

/** Sends an instance to one neighbour. */
export const queueUpdateTo = (n: Neighbor, slot: Slot): void =>
  enqueue(n.oi, n.oi.type === "point-to-point" ? ALL_SPF_ROUTERS : n.address, slot);

function enqueue(oi: OspfInterface, to: Ipv4, slot: Slot): void {
  let queue = oi.updates.get(to);
  if (queue === undefined) oi.updates.set(to, (queue = new UpdateQueue()));
  if (queue.size >= QUEUE_MAX) return oi.ospf.drop("update queue full", { ifname: oi.ifname });
  const { now } = oi.ospf;
  queue.add(slot.lsa, slot.ageTold(now, oi.transmitDelayS)); // §13.3: it grows by the transmission delay
  if (oi.updatesScheduled) return;
  oi.updatesScheduled = true;
  const { ospf } = oi;
  if (ospf.updating.push(oi) > 1) return;
  const due = ospf.updatedAt + updateGap(oi);
  if (due <= now) ospf.later(() => sendWaiting(ospf));
  else ospf.updateTimer.set(due);
}

/** Sends what waits on all interfaces. */
export function sendWaiting(ospf: Ospf): void {
  const { updating } = ospf;
  ospf.updating = [];
  ospf.updatedAt = ospf.now;
  for (const oi of updating) if (oi.updatesScheduled) flushUpdates(oi);
}

function flushUpdates(oi: OspfInterface): void {
  oi.updatesScheduled = false;
  for (const [to, queue] of oi.updates) {
    sendUpdates(oi, to, queue);
    if (oi.lsaPacing !== undefined) charge(oi, to, queue.size);
    queue.clear();
  }
  if (oi.updates.size > DESTINATIONS_KEPT) oi.updates.clear();
}

/** What leaves by the usual way counts for the distances that neighbours' own queues keep (ospfd/ospf_packet.c:lsu_sent_for_dst). */
function charge(oi: OspfInterface, to: Ipv4, count: number): void {
  for (const n of oi.neighbors.all) {
    const all = to === ALL_SPF_ROUTERS;
    const gets = to === ALL_DR_ROUTERS ? n.address === n.dr || n.address === n.bdr : all || n.address === to;
    if (gets && atLeast(n.state, "Exchange")) n.paced?.charge(count);
  }
}

/** Sends instances to one neighbour, now. */
export function sendUpdatesTo(n: Neighbor, slots: readonly Slot[]): void {
  const { oi } = n;
  const { now } = oi.ospf;
  const queue = new UpdateQueue();
  for (const slot of slots) queue.add(slot.lsa, slot.ageTold(now, oi.transmitDelayS));
  sendUpdates(oi, oi.type === "point-to-point" ? ALL_SPF_ROUTERS : n.address, queue);
}

/** As many packets as it takes; one that is larger than the MTU alone is sent alone, in fragments. */
function sendUpdates(oi: OspfInterface, to: Ipv4, queue: UpdateQueue): void {
  const max = bodyMax(oi);
  const maxLsas = oi.lsaPacing?.maxLsas ?? Number.POSITIVE_INFINITY;
  const { lsas, size } = queue;
  for (let from = 0; from < size; ) {
    let length = 4;
    let end = from;
    while (end < size) {
      const more = (lsas[end] as Lsa).length;
      if (end > from && (length + more > max || end - from >= maxLsas)) break;
      length += more;
      end++;
    }
    sendUpdate(oi, to, queue, { from, end, length });
    from = end;
  }
}

function sendUpdate(
  oi: OspfInterface,
  to: Ipv4,
  { lsas, ages }: UpdateQueue,
  part: { readonly from: number; readonly end: number; readonly length: number },
): void {
  const b = blankPacket(oi, LS_UPDATE, part.length);
  setU32(b, HEADER, part.end - part.from);
  let at = HEADER + 4;
  for (let i = part.from; i < part.end; i++) {
    const lsa = lsas[i] as Lsa;
    b.set(lsa.bytes, at);
    setU16(b, at, ages[i] as number);
    at += lsa.length;
  }
  sendPacket(oi, b, LS_UPDATE, to);
}

/** Acknowledges together with others, on the interface's next beat. */
export function delayAck(oi: OspfInterface, lsa: Lsa, age: number): void {
  const acks = oi.delayedAcks;
  if (acks.size >= QUEUE_MAX) return oi.ospf.drop("acknowledgement queue full", { ifname: oi.ifname });
  if (acks.size === 0) oi.ackTimer.set(nextBeat(oi.acksFrom, ACK_INTERVAL, oi.ospf.now));
  acks.add(lsa, age);
}

/** Acknowledges to one neighbour, once this instant's events are done. */
export function directAck(n: Neighbor, lsa: Lsa, age: number): void {
  const { oi } = n;
  if (oi.directAcks.length >= QUEUE_MAX) return oi.ospf.drop("acknowledgement queue full", { ifname: oi.ifname });
  if (oi.directAcks.length === 0)
    oi.ospf.later(() => {
      const acks = oi.directAcks;
      oi.directAcks = [];
      for (const to of new Set(acks.map((a) => a.to))) {
        const its = new UpdateQueue();
        for (const a of acks) if (a.to === to) its.add(a.lsa, a.age);
        sendAcks(oi, to, its);
      }
    });
  // ospfd/ospf_packet.c:ospf_ls_ack_send_direct: one of several who said the same hears it for all
  const toAll = oi.type === "point-to-multipoint" && !oi.nonBroadcast;
  if (toAll && oi.directAcks.some((a) => a.lsa === lsa)) return;
  oi.directAcks.push({ to: toAll ? ALL_SPF_ROUTERS : n.address, lsa, age });
}

/** The delay is over. */
export function sendDelayedAcks(oi: OspfInterface): void {
  const acks = oi.delayedAcks;
  const forAll = !oi.elects || oi.state === "DR" || oi.state === "Backup";
  if (oi.nonBroadcast) eachAdjacent(oi, (n) => sendAcks(oi, n.address, acks));
  else sendAcks(oi, forAll ? ALL_SPF_ROUTERS : ALL_DR_ROUTERS, acks);
  acks.clear();
}

function sendAcks(oi: OspfInterface, to: Ipv4, { lsas, ages, size }: UpdateQueue): void {
  const most = Math.max(1, Math.floor(bodyMax(oi) / LSA_HEADER));
  for (let from = 0; from < size; from += most) {
    const end = Math.min(from + most, size);
    const b = blankPacket(oi, LS_ACK, (end - from) * LSA_HEADER);
    let at = HEADER;
    for (let i = from; i < end; i++) {
      const { bytes } = lsas[i] as Lsa;
      for (let k = 2; k < LSA_HEADER; k++) b[at + k] = bytes[k] as number;
      setU16(b, at, ages[i] as number);
      at += LSA_HEADER;
    }
    sendPacket(oi, b, LS_ACK, to);
  }
}
