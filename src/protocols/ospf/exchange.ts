import { NEVER, S } from "../../core/time.ts";
import { bodyMax } from "./auth.ts";
import { checkLoading, isOpaque, isSystemWide, requestKey, retransmitTo, slotFor } from "./flood.ts";
import { logDd, logDdMtu, logDdReceived, logDdSent, logDdTopology } from "./log.ts";
import { compareInstances } from "./lsa.ts";
import {
  DO_NOT_AGE,
  LSA_ASBR_SUMMARY,
  LSA_EXTERNAL,
  LSA_HEADER,
  LSA_NETWORK,
  LSA_NSSA,
  LSA_OPAQUE_AREA,
  LSA_OPAQUE_AS,
  LSA_OPAQUE_LINK,
  LSA_ROUTER,
  LSA_SUMMARY,
  type LsaHeader,
  MAX_AGE,
} from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import type { Neighbor, OspfInterface } from "./model.ts";
import { makePacket, sendBody, sendPacket } from "./send.ts";
import {
  DATABASE_DESCRIPTION,
  type DatabaseDescription,
  DD_BODY,
  DD_I,
  DD_M,
  DD_MS,
  OPTION_MT,
  OPTION_NP,
  OPTION_O,
  REQUEST,
} from "./wire.ts";

/** Database exchange (RFC 2328 §10.6, §10.8) and requests (§10.7, §10.9), as ospfd/ospf_packet.c does them. */

/** What a neighbour may want of this router, at most, before its descriptions are refused. */
const REQUESTS_MAX = 1_000_000;

/** Puts down what has to be described to a neighbour (ospfd/ospf_nsm.c:nsm_negotiation_done). */
export function buildSummary(n: Neighbor): void {
  const { oi } = n;
  const { area, ospf } = oi;
  const opaque = (n.options & OPTION_O) !== 0;
  for (const type of [LSA_ROUTER, LSA_NETWORK, LSA_SUMMARY]) describe(n, area.lsdb.sorted(type));
  if (opaque) {
    describe(
      n,
      area.lsdb.sorted(LSA_OPAQUE_LINK).filter((s) => s.link === oi.ifname),
    );
    describe(n, area.lsdb.sorted(LSA_OPAQUE_AREA));
  }
  if ((n.options & OPTION_NP) !== 0) describe(n, area.lsdb.sorted(LSA_NSSA));
  if (!area.external) return;
  describe(n, area.lsdb.sorted(LSA_ASBR_SUMMARY));
  if (oi.type === "virtual") return; // §15: the area between knows them itself
  describe(n, ospf.lsdb.sorted(LSA_EXTERNAL));
  if (opaque) describe(n, ospf.lsdb.sorted(LSA_OPAQUE_AS));
}

function describe(n: Neighbor, slots: readonly Slot[]): void {
  const { now } = n.oi.ospf;
  for (const slot of slots) {
    if (slot.ageNow(now) >= MAX_AGE)
      retransmitTo(n, slot); // §10.3, NegotiationDone
    else n.summary.add(slot);
  }
}

/** Sends the next description (ospfd/ospf_packet.c:ospf_make_db_desc). */
export function sendDd(n: Neighbor): void {
  const { oi } = n;
  const { now } = oi.ospf;
  const headers: LsaHeader[] = [];
  if (n.state === "Exchange" || n.state === "Loading" || n.state === "Full") {
    let room = Math.floor((bodyMax(oi) - DD_BODY) / LSA_HEADER);
    for (const slot of n.summary) {
      if (room-- <= 0) break;
      n.summary.delete(slot);
      headers.push(slot.lsa.header(slot.ageTold(now, 0)));
    }
    if (n.summary.size === 0) n.ddFlags &= ~DD_M;
  }
  const opaque = takesOpaque(oi) && (n.state === "ExStart" || (n.options & OPTION_O) !== 0);
  const options = oi.options | (opaque ? OPTION_O : 0);
  n.ddSent = makePacket(oi, {
    kind: "dd",
    mtu: oi.type === "virtual" ? 0 : oi.device.mtuBytes,
    options,
    flags: n.ddFlags,
    seq: n.ddSeq,
    headers,
  });
  transmitDd(n);
  logDdSent(n, false);
  if ((n.ddFlags & DD_MS) !== 0) n.ddTimer.set(now + oi.retransmitS * S);
}

/** Sends the last description again. */
export function resendDd(n: Neighbor): void {
  if (n.ddSent === undefined) return;
  transmitDd(n);
  logDdSent(n, true);
}
function transmitDd(n: Neighbor): void {
  if (n.ddSent === undefined) return;
  n.ddSentAt = n.oi.ospf.now;
  sendPacket(n.oi, n.ddSent.slice(), DATABASE_DESCRIPTION, n.address);
}

/** The master has waited long enough for an answer. */
export function ddTimer(n: Neighbor): void {
  resendDd(n);
  n.ddTimer.set(n.oi.ospf.now + n.oi.retransmitS * S);
}

/** §10.6. */
export function receiveDd(n: Neighbor, received: DatabaseDescription): void {
  const { oi } = n;
  const { ospf } = oi;
  if (!oi.settings.mtuIgnore && received.mtu > oi.device.mtuBytes) {
    logDdMtu(n, received.mtu);
    return ospf.drop("mtu", { ifname: oi.ifname });
  }
  if ((received.options & OPTION_MT) !== 0) {
    logDdTopology(n);
    return ospf.drop("dd options", { ifname: oi.ifname });
  }
  logDdReceived(n, received);
  const dd = { ...received, options: optionsOf(n, received) };
  switch (n.state) {
    case "Down":
    case "Attempt":
    case "2-Way": // ospfd/ospf_packet.c:ospf_db_desc: discarded; it comes again after RxmtInterval
      logDd(n, "discarded");
      return ospf.drop("dd state", { ifname: oi.ifname });
    case "Init":
      ospf.hooks.neighborEvent(n, "2-WayReceived");
      if ((n.state as string) === "ExStart") negotiate(n, dd);
      return;
    case "ExStart":
      return negotiate(n, dd);
    case "Exchange":
      return exchange(n, dd);
    case "Loading":
    case "Full":
      return late(n, dd);
  }
}

const takesOpaque = (oi: OspfInterface): boolean => oi.ospf.settings.opaque && oi.settings.opaque;

function optionsOf(n: Neighbor, dd: DatabaseDescription): number {
  const { area } = n.oi;
  const nssa = area.settings.kind === "nssa" && (n.options & OPTION_NP) !== 0 ? OPTION_NP : 0;
  return (takesOpaque(n.oi) ? dd.options : dd.options & ~OPTION_O) | nssa;
}

function negotiate(n: Neighbor, dd: DatabaseDescription): void {
  const { ospf } = n.oi;
  const all = DD_I | DD_M | DD_MS;
  if ((dd.flags & all) === all && dd.headers.length === 0) {
    if (n.routerId <= ospf.routerId) return logDd(n, "slave waits"); // it will give way
    logDd(n, "slave");
    n.ddSeq = dd.seq;
    n.ddFlags &= ~(DD_MS | DD_I);
  } else if ((dd.flags & (DD_MS | DD_I)) === 0 && dd.seq === n.ddSeq && n.routerId < ospf.routerId) {
    logDd(n, "master");
    n.ddFlags &= ~DD_I;
  } else {
    logDd(n, "no negotiation");
    return ospf.drop("dd negotiation", { ifname: n.oi.ifname });
  }
  n.options = dd.options;
  ospf.hooks.neighborEvent(n, "NegotiationDone");
  process(n, dd);
}

const isDuplicate = (n: Neighbor, dd: DatabaseDescription): boolean =>
  n.ddReceived !== undefined &&
  dd.options === n.ddReceived.options &&
  dd.flags === n.ddReceived.flags &&
  dd.seq === n.ddReceived.seq;

function exchange(n: Neighbor, dd: DatabaseDescription): void {
  const master = (n.ddFlags & DD_MS) !== 0;
  if (isDuplicate(n, dd)) {
    logDd(n, master ? "duplicate for master" : "duplicate for slave");
    return master ? undefined : resendDd(n);
  }
  const next = master ? n.ddSeq : (n.ddSeq + 1) >>> 0;
  const sound =
    (dd.flags & DD_MS) === ((n.ddReceived?.flags ?? 0) & DD_MS) &&
    (dd.flags & DD_I) === 0 &&
    dd.options === n.options &&
    dd.seq === next;
  if (sound) process(n, dd);
  else mismatch(n);
}

function late(n: Neighbor, dd: DatabaseDescription): void {
  const master = (n.ddFlags & DD_MS) !== 0;
  if (isDuplicate(n, dd)) {
    if (master) return;
    if (n.oi.ospf.now - n.ddSentAt < n.oi.deadS * S) return resendDd(n);
  }
  mismatch(n);
}

const mismatch = (n: Neighbor): void => n.oi.ospf.later(() => n.oi.ospf.hooks.neighborEvent(n, "SeqNumberMismatch"));

/** ospfd/ospf_packet.c:ospf_db_desc_proc. */
function process(n: Neighbor, dd: DatabaseDescription): void {
  const { oi } = n;
  const { ospf, area } = oi;
  for (const header of dd.headers) {
    const { type } = header;
    const known = (type >= 1 && type <= 5) || type === LSA_NSSA || (isOpaque(type) && type <= LSA_OPAQUE_AS);
    if (!known || (isOpaque(type) && (n.options & OPTION_O) === 0)) return mismatch(n);
    if (isSystemWide(type) && !area.external) return mismatch(n);
    compare(n, header);
  }
  const more = (dd.flags & DD_M) !== 0;
  if ((n.ddFlags & DD_MS) !== 0) {
    n.ddSeq = (n.ddSeq + 1) >>> 0;
    if (!more && (n.ddFlags & DD_M) === 0) done(n);
    else sendDd(n);
  } else {
    n.ddSeq = dd.seq;
    sendDd(n);
    if (!more && (n.ddFlags & DD_M) === 0) done(n);
  }
  n.ddReceived = { flags: dd.flags, options: dd.options, seq: dd.seq };
  if (n.requestTimer.deadline === NEVER) sendRequest(n);
  ospf.hooks.agingChanged();
}

const done = (n: Neighbor): void => n.oi.ospf.later(() => n.oi.ospf.hooks.neighborEvent(n, "ExchangeDone"));

function compare(n: Neighbor, header: LsaHeader): void {
  const { ospf } = n.oi;
  const { type, id, adv, checksum } = header;
  const seq = header.seq | 0;
  const age = Math.min(header.age & ~DO_NOT_AGE, MAX_AGE);
  const slot = slotFor(n.oi, type, id, adv);
  const ours = slot === undefined ? -1 : compareInstances(slot.lsa, slot.ageNow(ospf.now), { seq, checksum }, age);
  if (ours < 0) {
    if (n.requests.size >= REQUESTS_MAX) return ospf.drop("too many requests", { ifname: n.oi.ifname });
    n.requests.set(requestKey(type, id, adv), { type, id, adv, seq, checksum, age });
  }
  // draft-ogier-ospf-dbex-opt: what the neighbour has need not be described to it
  if (ours <= 0 && slot !== undefined) n.summary.delete(slot);
}

/** Asks for as much as fits a packet (ospfd/ospf_packet.c:ospf_ls_req_send). */
export function sendRequest(n: Neighbor): void {
  const { oi } = n;
  const max = Math.floor(bodyMax(oi) / REQUEST);
  const requests = [];
  for (const [key, { type, id, adv }] of n.requests) {
    if (requests.length >= max) break;
    requests.push({ type, id, adv });
    n.lastRequested = key;
  }
  if (requests.length === 0) return;
  sendBody(oi, { kind: "request", requests }, n.address);
  n.requestTimer.set(oi.ospf.now + oi.retransmitS * S);
}

/** Asks again, or for more. */
export function requestTimer(n: Neighbor): void {
  if (n.requests.size > 0) sendRequest(n);
  else checkLoading(n);
}
