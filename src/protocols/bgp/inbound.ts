import { type Ipv4, networkOf } from "../../core/addr.ts";
import { u8, u16, u32 } from "../../core/bytes.ts";
import { findNextHop, readCached } from "./attribute-cache.ts";
import type { ReadAttributes, Sender } from "./attribute-decode.ts";
import type { Attributes } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import { GRACEFUL_SHUTDOWN, isTargeted, sortedCommunities, sortedHex } from "./community.ts";
import { filterIn, hasPolicy } from "./filter.ts";
import { inFloats } from "./link-bandwidth.ts";
import { logEndOfRib } from "./log.ts";
import { type Answer, answer, UPDATE_BAD_NETWORK, UPDATE_ERROR, UPDATE_MALFORMED } from "./notification.ts";
import type { Peer } from "./peer.ts";
import type { AdjIn } from "./peer-kind.ts";
import type { PeerStats } from "./peer-stats.ts";
import { FROM_PEER, findPath, Path, type RibNode, saysSame } from "./rib.ts";
import { otcIn } from "./roles.ts";
import { attributesAt, HEADER, isIpv4Unicast, prefixAddress, prefixEnd } from "./wire.ts";

/** A prefix as one number: keys of tables by neighbour. */
export const prefixKey = (address: Ipv4, length: number): number => address * 64 + length;

/** The same with the identifier of a path, where there is one. */
const pathKey = (address: Ipv4, length: number, id: number): number | string =>
  id === 0 ? prefixKey(address, length) : `${prefixKey(address, length)}/${id}`;

/** UPDATEs on their way into the table: what they say, whether it is taken, and what policy makes of it. */
export class Inbound {
  readonly #bgp: Bgp;

  constructor(bgp: Bgp) {
    this.#bgp = bgp;
  }

  /** The UPDATE in [o, end) of `b`. A fault that ends the session is returned. */
  update(peer: Peer, b: Uint8Array, o: number, end: number): Answer | undefined {
    const at = attributesAt(b, o, end);
    if (at < 0) return answer(UPDATE_ERROR, UPDATE_MALFORMED);
    const attributesEnd = at + u16(b, at - 2);
    const withdrawnFrom = o + HEADER + 2;
    const skip = peer.takesSeveral ? 4 : 0;
    if (!isSound(b, withdrawnFrom, at - 2, skip) || !isSound(b, attributesEnd, end, skip))
      return answer(UPDATE_ERROR, UPDATE_BAD_NETWORK); // RFC 7606 §5.3
    this.#withdrawAll(peer, b, withdrawnFrom, at - 2);
    if (attributesEnd === at) {
      if (at - 2 === withdrawnFrom && attributesEnd === end) this.#endOfRib(peer);
      // NLRI without attributes: the mandatory ones are missing (RFC 7606 §3 d).
      else this.#withdrawAll(peer, b, attributesEnd, end);
      return undefined;
    }
    const sender: Sender = peer;
    const read = readCached(b, at, attributesEnd, sender, attributesEnd < end);
    if (read.verdict === "reset") return read.answer;
    const { unreach, reach } = read;
    if (unreach !== undefined && isIpv4Unicast(unreach)) {
      if (!isSound(b, unreach.o, unreach.end, skip)) return answer(UPDATE_ERROR, UPDATE_BAD_NETWORK);
      if (unreach.o === unreach.end && reach === undefined && attributesEnd === end) this.#endOfRib(peer);
      this.#withdrawAll(peer, b, unreach.o, unreach.end);
    }
    const nextHopAt = findNextHop(b, at, attributesEnd);
    const nextHop = nextHopAt < 0 ? (read.nextHop ?? 0) : u32(b, nextHopAt);
    this.#announceAll(peer, read, nextHop, b, attributesEnd, end);
    if (reach !== undefined && isIpv4Unicast(reach)) {
      if (!isSound(b, reach.o, reach.end, skip)) return answer(UPDATE_ERROR, UPDATE_BAD_NETWORK);
      this.#announceAll(peer, read, reach.nextHop ?? 0, b, reach.o, reach.end);
    }
    return peer.prefixLimit.check();
  }

  #withdrawAll(peer: Peer, b: Uint8Array, o: number, end: number): void {
    const ids = peer.takesSeveral;
    for (let at = o; at < end; at = prefixEnd(b, at, end)) {
      const id = ids ? u32(b, at) : 0;
      if (ids) at += 4;
      const length = u8(b, at);
      this.withdraw(peer, networkOf(prefixAddress(b, at), length), length, id);
    }
  }

  #announceAll(peer: Peer, read: ReadAttributes, nextHop: Ipv4, b: Uint8Array, o: number, end: number): void {
    if (o === end) return;
    if (read.verdict === "withdraw") {
      this.#bgp.os.trace("bgp.malformed", { neighbor: peer.address, why: read.why });
      peer.stats.withdrawn++;
      return this.#withdrawAll(peer, b, o, end);
    }
    const floats = peer.settings.wholeBandwidths === true && read.attributes.extended.length > 0;
    const attributes = floats
      ? read.attributes.with({ extended: inFloats(read.attributes.extended) })
      : read.attributes;
    const keeps = peer.settings.softReconfiguration === true;
    const since = keeps ? this.#bgp.os.now() : 0;
    const ids = peer.takesSeveral;
    for (let at = o; at < end; at = prefixEnd(b, at, end)) {
      const id = ids ? u32(b, at) : 0;
      if (ids) at += 4;
      const length = u8(b, at);
      const address = networkOf(prefixAddress(b, at), length);
      if (keeps) peer.adjIn.set(pathKey(address, length, id), { address, length, attributes, nextHop, since, id });
      this.announce(peer, address, length, attributes, nextHop, id);
    }
  }

  /** A route that a neighbour announces, before policy. */
  announce(peer: Peer, address: Ipv4, length: number, told: Attributes, toldHop: Ipv4, id = 0): void {
    const kept = this.isAcceptable(peer, told, toldHop)
      ? this.#policy(peer, address, length, told, toldHop)
      : undefined;
    if (kept === undefined) {
      peer.stats.filtered++;
      return this.#remove(peer, address, length, id);
    }
    const node = this.#bgp.rib.reach(address, length);
    if (node === undefined) return;
    const loops = length === 32 && address === kept.nextHop && this.#bgp.globals.importCheck;
    const { nextHops } = this.#bgp;
    const nextHop = loops ? nextHops.loop(address) : nextHops.hold(kept.nextHop, peer.singleHop);
    const path = findPath(node, peer, FROM_PEER, id);
    if (path !== undefined) {
      const { dampening } = this.#bgp;
      const flaps = dampening.lift(path);
      const same = saysSame(path, kept.attributes, nextHop);
      if (same && flaps?.history !== true) {
        peer.duplicates++;
        dampening.settle(path);
        return this.#bgp.nextHops.release(nextHop);
      }
      this.#bgp.nextHops.release(path.nextHop);
      path.attributes = kept.attributes;
      path.nextHop = nextHop;
      path.since = this.#bgp.os.now();
      path.stale = false;
      node.changed = true;
      dampening.announced(path, same);
    } else {
      peer.accepted++;
      node.add(new Path(node, peer, FROM_PEER, kept.attributes, nextHop, this.#bgp.os.now(), id));
    }
    this.#bgp.enqueue(node);
  }

  withdraw(peer: Peer, address: Ipv4, length: number, id = 0): void {
    peer.adjIn.delete(pathKey(address, length, id));
    this.#remove(peer, address, length, id);
  }
  #remove(peer: Peer, address: Ipv4, length: number, id: number): void {
    const node = this.#bgp.rib.find(address, length);
    const path = node === undefined ? undefined : findPath(node, peer, FROM_PEER, id);
    if (node === undefined || path === undefined || this.#bgp.dampening.withdrawn(path)) return;
    this.removePath(node, path);
  }
  removePath(node: RibNode, path: Path): void {
    this.#bgp.dampening.forget(path);
    node.paths = node.paths.filter((p) => p !== path);
    this.#bgp.nextHops.release(path.nextHop);
    const peer = path.source as Peer;
    if (path.kind === FROM_PEER) peer.accepted--;
    this.#bgp.enqueue(node);
  }
  /** The paths of a neighbour that is lost for a while: they are stale now. */
  keep(peer: Peer): void {
    peer.adjIn.clear();
    this.#bgp.dampening.clear((path) => path.source === peer);
    if (peer.accepted === 0) return;
    for (const node of this.#bgp.rib) for (const path of node.paths) if (path.source === peer) path.stale = true;
  }
  /** All paths of a neighbour that is lost. `staleOnly`: those that it did not announce again. */
  clear(peer: Peer, staleOnly = false): void {
    if (!staleOnly) peer.adjIn.clear();
    if (peer.accepted === 0 && this.#bgp.dampening.idle) return;
    for (const node of this.#bgp.rib) {
      for (const path of node.paths)
        if (path.source === peer && (!staleOnly || path.stale)) this.removePath(node, path);
    }
  }

  /** Policy of this neighbour has changed: what it sent is judged anew, where it was kept. */
  softReconfigure(peer: Peer): void {
    for (const a of peer.adjIn.values()) this.announce(peer, a.address, a.length, a.attributes, a.nextHop, a.id);
  }

  /** What no policy may admit: loops, and next hops that are ourselves (§9.1.2, RFC 4456 §8, RFC 5065 §5). */
  isAcceptable(peer: Peer, a: Attributes, nextHop: Ipv4): boolean {
    const { globals } = this.#bgp;
    const { enforceFirstAs = globals.enforceFirstAs } = peer.settings;
    const { stats } = peer;
    if (globals.rejectAsSets && a.asPath.hasSet) return false;
    if (a.extended.length > 0 && !isTargeted(a.extended, this.#bgp.routerId)) return false;
    if (this.#loops(peer, a)) return refused(stats, "asPathLoop");
    if (enforceFirstAs && peer.sort === "ebgp" && a.asPath.first !== peer.as) return false;
    if (a.originatorId === this.#bgp.routerId) return refused(stats, "originatorLoop");
    if (a.clusterList.length > 0 && a.clusterList.includes(this.#bgp.clusterId)) return refused(stats, "clusterLoop");
    return (nextHop !== 0 && !this.#bgp.isOwn(nextHop)) || refused(stats, "nextHopInvalid");
  }
  #loops(peer: Peer, a: Attributes): boolean {
    const { as, confederationId } = this.#bgp.globals;
    const { allowAsIn, localAs } = peer.settings;
    const times = a.asPath.count(as);
    if (times > 0 && !admits(allowAsIn, times, a, as)) return true;
    if (localAs !== undefined && a.asPath.count(localAs.as) > (typeof allowAsIn === "number" ? allowAsIn : 0))
      return true;
    return confederationId !== undefined && a.asPath.count(confederationId) > 0 && allowAsIn === undefined;
  }

  #policy(
    peer: Peer,
    address: Ipv4,
    length: number,
    told: Attributes,
    nextHop: Ipv4,
  ): { readonly attributes: Attributes; readonly nextHop: Ipv4 } | undefined {
    const { weight, localAs } = peer.settings;
    let attributes = told;
    // What comes over a session under another AS number shows that number too, unless `no-prepend` (bgpd/bgp_attr.c:bgp_attr_aspath_check).
    if (localAs !== undefined && !localAs.noPrepend && peer.sort === "ebgp" && !peer.realAs)
      attributes = attributes.with({ asPath: attributes.asPath.prepend(localAs.as) });
    if (weight !== undefined && weight > 0) attributes = attributes.with({ weight });
    const { siteOfOrigin } = peer.settings;
    if (siteOfOrigin !== undefined)
      attributes = attributes.with({ extended: sortedHex([...attributes.extended, siteOfOrigin]) });
    if (peer.sort === "ebgp") {
      const safe = fromOutside(peer, attributes);
      if (safe === undefined) return undefined;
      attributes = safe;
    }
    if (!hasPolicy(peer, "in")) {
      if (peer.sort === "ebgp" && this.#bgp.requiresPolicy) return undefined; // RFC 8212
      return { attributes, nextHop };
    }
    return filterIn(this.#bgp, peer, { address, length }, attributes, nextHop);
  }

  #endOfRib(peer: Peer): void {
    peer.endOfRibReceived = true;
    logEndOfRib(peer);
    peer.helper?.endOfRib();
    this.#bgp.restarter.told(peer);
    this.#bgp.startUp.complete(peer);
  }

  /** What it sent before policy, as it is kept, in order. */
  received(peer: Peer): readonly AdjIn[] {
    return [...peer.adjIn.values()].sort((a, b) => a.address - b.address || a.length - b.length);
  }
  /** Whether nothing of it has come into the table. */
  isDenied(peer: Peer, a: AdjIn): boolean {
    const node = this.#bgp.rib.find(a.address, a.length);
    return node === undefined || findPath(node, peer, FROM_PEER, a.id) === undefined;
  }
}

/** What is made of every route of an external neighbour before policy; undefined: it is a leak (bgpd/bgp_route.c:bgp_update). */
function fromOutside(peer: Peer, told: Attributes): Attributes | undefined {
  const { settings } = peer;
  let a = otcIn(peer, told);
  if (a === undefined) return undefined;
  if (a.aigp !== undefined && settings.aigp !== true) a = a.with({ aigp: undefined }); // RFC 7311 §3.3
  // RFC 8326: what is about to go is the last choice.
  if (a.communities.includes(GRACEFUL_SHUTDOWN)) return a.with({ localPref: 0 });
  if (settings.gracefulShutdown !== true && !peer.bgp.globals.gracefulShutdown) return a;
  return a.with({ localPref: 0, communities: sortedCommunities([...a.communities, GRACEFUL_SHUTDOWN]) });
}

/** Counts why something is not taken. */
function refused(stats: PeerStats, why: keyof PeerStats): false {
  stats[why]++;
  return false;
}

function admits(allow: number | "origin" | undefined, times: number, a: Attributes, as: number): boolean {
  if (allow === undefined) return false;
  return allow === "origin" ? a.asPath.origin === as && times === 1 : times <= allow;
}

/** Whether [o, end) holds nothing but whole prefixes, each behind `skip` octets. */
function isSound(b: Uint8Array, o: number, end: number, skip: number): boolean {
  for (let at = o; at < end; ) {
    if (at + skip >= end) return false;
    at = prefixEnd(b, at + skip, end);
    if (at < 0) return false;
  }
  return true;
}
