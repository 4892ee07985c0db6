import { setU16, setU32 } from "../../core/bytes.ts";
import { flood, install } from "./flood.ts";
import { makeLsa } from "./lsa.ts";
import { INITIAL_SEQUENCE, LSA_OPAQUE_LINK, MAX_AGE } from "./lsa-codec.ts";
import { Slot } from "./lsdb.ts";
import { type OspfInterface, RestartReason } from "./model.ts";
import { queueUpdateToAll } from "./update.ts";
import { OPTION_O } from "./wire.ts";

/** Grace advertisements of this router (RFC 3623 appendix A). */

/** Opaque type 3, instance 0. */
const GRACE_ID = 0x0300_0000;

/**
 * Says on an interface that this router restarts, for `periodS` seconds; `withdraw`: no longer (ospfd/ospf_gr.c:ospf_gr_lsa_originate). After an outage that
 * nobody had planned nobody is adjacent yet: it is sent, and not kept.
 */
export function tellGrace(oi: OspfInterface, reason: number, periodS: number, withdraw = false): void {
  const { ospf, device, area } = oi;
  const planned = reason !== RestartReason.unknown && reason !== RestartReason.switchover;
  if (!device.up || !device.running || device.loopback || oi.type === "virtual") return;
  if (planned && !oi.neighbors.all.some((n) => n.state !== "Down")) return;
  const adv = ospf.routerId;
  const known = area.lsdb.findOn(oi.ifname, GRACE_ID, adv);
  const lsa = makeLsa({
    type: LSA_OPAQUE_LINK,
    options: oi.options | OPTION_O,
    id: GRACE_ID,
    adv,
    seq: known === undefined ? INITIAL_SEQUENCE | 0 : known.lsa.seq + 1,
    body: { kind: "raw", bytes: graceBody(oi, reason, periodS) },
  });
  if (!withdraw && !planned) return queueUpdateToAll(oi, new Slot(lsa, 0, ospf.now, true, oi.ifname));
  const slot = install(ospf, area, lsa, withdraw ? MAX_AGE : 0, { self: true, link: oi.ifname, known });
  if (slot === undefined) return;
  slot.flushing = withdraw;
  flood(ospf, area, slot, undefined);
}

/** Period, reason, and where several share a network the own address (ospfd/ospf_gr.c:ospf_gr_lsa_body_set). */
function graceBody(oi: OspfInterface, reason: number, periodS: number): Uint8Array {
  const shared = oi.elects || oi.type === "point-to-multipoint";
  const b = new Uint8Array(shared ? 24 : 16);
  setU16(b, 0, 1);
  setU16(b, 2, 4);
  setU32(b, 4, periodS);
  setU16(b, 8, 2);
  setU16(b, 10, 1);
  b[12] = reason;
  if (!shared) return b;
  setU16(b, 16, 3);
  setU16(b, 18, 4);
  setU32(b, 20, oi.address);
  return b;
}
