import type { Packet } from "../../../core/packet.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_QINQ, ETHERTYPE_VLAN, HEADER } from "../../../protocols/ethernet/wire.ts";
import { changeTos, ECN_CE, ECN_NOT_ECT, tos } from "../../../protocols/ipv4/wire.ts";
import { TAG } from "../../../protocols/vlan/wire.ts";
import { flowHash } from "../dev/flow-hash.ts";
import type { NetDevice } from "../netdev.ts";

const isTag = (type: number): boolean => type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ;

/**
 * The length of a frame as queueing disciplines count it (`qdisc_pkt_len`): without preamble and check sequence, and
 * without the outermost VLAN tag, which Linux carries beside the bytes.
 */
export function skbLength(p: Packet, dev: NetDevice): number {
  const length = p.end - p.start;
  return dev.headerLength > 0 && length >= HEADER && isTag(p.view.getUint16(p.start + 12)) ? length - TAG : length;
}

/** The protocol of a frame as filters are asked for it: of a tagged one that of the tag (`skb_protocol`). */
export function skbProtocol(p: Packet, dev: NetDevice): number {
  if (dev.headerLength === 0) return p.end > p.start && (p.buf[p.start] as number) >> 4 === 6 ? 0x86dd : ETHERTYPE_IPV4;
  return p.end - p.start >= HEADER ? p.view.getUint16(p.start + 12) : 0;
}

/** Offset of the network header: behind the link header and its tags. */
export function networkOffset(p: Packet, dev: NetDevice): number {
  if (dev.headerLength === 0) return p.start;
  let at = p.start + HEADER;
  while (at + TAG <= p.end && isTag(p.view.getUint16(at - 2))) at += TAG;
  return at;
}

/** The EtherType behind all tags. */
export function innerProtocol(p: Packet, dev: NetDevice): number {
  return dev.headerLength === 0 ? skbProtocol(p, dev) : p.view.getUint16(networkOffset(p, dev) - 2);
}

/** Priorities by type of service: `TC_PRIO_*` (net/ipv4/route.c:ip_tos2prio). */
const TOS_PRIORITY = Uint8Array.of(0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4);

/**
 * `skb->priority`: what was set on the packet; else what its type of service asks for, if the IP layer of this node sent or
 * forwarded it. Frames that are bridged through have none.
 */
export function skbPriority(p: Packet, dev: NetDevice): number {
  if (p.priority !== 0) return p.priority;
  if (p.iif !== 0 && (dev.kernel.deviceByIndex(p.iif)?.rxHandler ?? null) !== null) return 0;
  const at = networkOffset(p, dev);
  if (at + 20 > p.end || innerProtocol(p, dev) !== ETHERTYPE_IPV4) return 0;
  return TOS_PRIORITY[(tos(p.buf, at) & 0x1e) >> 1] as number;
}

/** Marks congestion on a packet whose sender understands that; false: it does not (include/net/inet_ecn.h:INET_ECN_set_ce). */
export function markCongestion(p: Packet, dev: NetDevice): boolean {
  const at = networkOffset(p, dev);
  if (at + 20 > p.end || innerProtocol(p, dev) !== ETHERTYPE_IPV4) return false;
  const service = tos(p.buf, at);
  if ((service & ECN_CE) === ECN_NOT_ECT) return false;
  changeTos(p.buf, at, service | ECN_CE);
  return true;
}

/** A 32-bit hash of the flow that a frame belongs to (`skb_get_hash_perturb`). */
export const skbHash = (p: Packet, dev: NetDevice, seed: number): number =>
  flowHash(p, networkOffset(p, dev), innerProtocol(p, dev), seed);
