import type { Ipv4 } from "../../core/addr.ts";
import { setU16, setU32 } from "../../core/bytes.ts";
import { S } from "../../core/time.ts";
import { bodyMax } from "./auth.ts";
import type { Lsa } from "./lsa.ts";
import { LSA_HEADER, MAX_AGE } from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import type { Neighbor, OspfInterface } from "./model.ts";
import { blankPacket, sendPacket } from "./send.ts";
import { ALL_DR_ROUTERS, ALL_SPF_ROUTERS, HEADER, LS_ACK, LS_UPDATE } from "./wire.ts";

/** Link state updates and acknowledgements on their way out (RFC 2328 §13.3, §13.5). */

/** How long acknowledgements wait for others (ospfd/ospfd.h:OSPF_ACK_DELAY_DEFAULT... one second). */
const ACK_DELAY = S;
/** Advertisements that wait for one destination, or acknowledgements on one interface, at most. */
const QUEUE_MAX = 100_000;

/** Sends an instance to all who are adjacent on an interface, once this instant's events are done. */
export function queueUpdate(oi: OspfInterface, slot: Slot): void {
  if (oi.type === "point-to-point" || oi.type === "point-to-multipoint") return enqueue(oi, ALL_SPF_ROUTERS, slot);
  enqueue(oi, oi.state === "DR" || oi.state === "Backup" ? ALL_SPF_ROUTERS : ALL_DR_ROUTERS, slot);
}

/** Sends an instance to one neighbour. */
export const queueUpdateTo = (n: Neighbor, slot: Slot): void =>
  enqueue(n.oi, n.oi.type === "point-to-point" ? ALL_SPF_ROUTERS : n.address, slot);

function enqueue(oi: OspfInterface, to: Ipv4, slot: Slot): void {
  let queue = oi.updates.get(to);
  if (queue === undefined) oi.updates.set(to, (queue = []));
  if (queue.length >= QUEUE_MAX) return oi.ospf.drop("update queue full", { ifname: oi.ifname });
  queue.push({ lsa: slot.lsa, slot });
  if (oi.updatesScheduled) return;
  oi.updatesScheduled = true;
  oi.ospf.later(() => flushUpdates(oi));
}

function flushUpdates(oi: OspfInterface): void {
  oi.updatesScheduled = false;
  for (const [to, queue] of oi.updates) sendUpdates(oi, to, queue);
  oi.updates.clear();
}

/** As many packets as it takes; one that is larger than the MTU alone is sent alone, in fragments. */
function sendUpdates(oi: OspfInterface, to: Ipv4, queue: readonly { lsa: Lsa; slot: Slot }[]): void {
  const max = bodyMax(oi);
  for (let from = 0; from < queue.length; ) {
    let length = 4;
    let end = from;
    while (end < queue.length) {
      const more = (queue[end] as { lsa: Lsa }).lsa.length;
      if (end > from && length + more > max) break;
      length += more;
      end++;
    }
    sendUpdate(oi, to, queue, from, end, length);
    from = end;
  }
}

function sendUpdate(
  oi: OspfInterface,
  to: Ipv4,
  queue: readonly { lsa: Lsa; slot: Slot }[],
  from: number,
  end: number,
  length: number,
): void {
  const { now } = oi.ospf;
  const b = blankPacket(oi, LS_UPDATE, length);
  setU32(b, HEADER, end - from);
  let at = HEADER + 4;
  for (let i = from; i < end; i++) {
    const { lsa, slot } = queue[i] as { lsa: Lsa; slot: Slot };
    b.set(lsa.bytes, at);
    // §13.3: the age grows by the transmission delay
    setU16(b, at, Math.min(slot.lsa === lsa ? slot.ageNow(now) + oi.transmitDelayS : MAX_AGE, MAX_AGE));
    at += lsa.length;
  }
  sendPacket(oi, b, LS_UPDATE, to);
}

/** Acknowledges within a second, together with others. */
export function delayAck(oi: OspfInterface, lsa: Lsa, age: number): void {
  if (oi.delayedAcks.length >= QUEUE_MAX) return oi.ospf.drop("acknowledgement queue full", { ifname: oi.ifname });
  if (oi.delayedAcks.length === 0) oi.ackTimer.set(oi.ospf.now + ACK_DELAY);
  oi.delayedAcks.push({ lsa, age });
}

/** Acknowledges to one neighbour, once this instant's events are done. */
export function directAck(n: Neighbor, lsa: Lsa, age: number): void {
  const { oi } = n;
  if (oi.directAcks.length >= QUEUE_MAX) return oi.ospf.drop("acknowledgement queue full", { ifname: oi.ifname });
  if (oi.directAcks.length === 0)
    oi.ospf.later(() => {
      const acks = oi.directAcks;
      oi.directAcks = [];
      for (const to of new Set(acks.map((a) => a.to)))
        sendAcks(
          oi,
          to,
          acks.filter((a) => a.to === to),
        );
    });
  oi.directAcks.push({ to: n.address, lsa, age });
}

/** The delay is over. */
export function sendDelayedAcks(oi: OspfInterface): void {
  const acks = oi.delayedAcks;
  oi.delayedAcks = [];
  const forAll = oi.type !== "broadcast" || oi.state === "DR" || oi.state === "Backup";
  sendAcks(oi, forAll ? ALL_SPF_ROUTERS : ALL_DR_ROUTERS, acks);
}

function sendAcks(oi: OspfInterface, to: Ipv4, acks: readonly { readonly lsa: Lsa; readonly age: number }[]): void {
  const most = Math.max(1, Math.floor(bodyMax(oi) / LSA_HEADER));
  for (let from = 0; from < acks.length; from += most) {
    const part = acks.slice(from, from + most);
    const b = blankPacket(oi, LS_ACK, part.length * LSA_HEADER);
    for (const [i, { lsa, age }] of part.entries()) {
      const at = HEADER + LSA_HEADER * i;
      b.set(lsa.bytes.subarray(0, LSA_HEADER), at);
      setU16(b, at, age);
    }
    sendPacket(oi, b, LS_ACK, to);
  }
}
