import { i32, u8, u16 } from "../../../core/bytes.ts";
import type { Packet } from "../../../core/packet.ts";
import { HEADER } from "../../../protocols/ethernet/wire.ts";
import {
  headerLength,
  IPPROTO_DCCP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  isFragment,
  protocol,
} from "../../../protocols/ipv4/wire.ts";
import { TAG } from "../../../protocols/vlan/wire.ts";
import type { Kernel } from "../kernel.ts";
import { isIpv4, isIpv6 } from "./inner.ts";

/**
 * The seed of flow hashes. Linux draws it once for a machine, and the nodes of a lab are namespaces of one machine: with
 * one seed for all, both directions of a flow get the same port at both ends of a tunnel.
 */
export const flowSeed = (kernel: Kernel): number => kernel.sim.rngOnce("flow hash").u32();

/**
 * A 32-bit hash of the flow that a frame belongs to, alike in both directions (net/core/flow_dissector.c:skb_get_hash):
 * over VLAN ids, addresses, protocol and, except in fragments, ports; over the Ethertype alone for what is not IP.
 * `at` and `type` tell where the inner network header is.
 */
export function flowHash(p: Packet, at: number, type: number, seed: number): number {
  let h = mix(seed, type);
  for (let tag = p.start + HEADER; tag < at; tag += TAG) h = mix(h, u16(p.buf, tag) & 0xefff);
  if (isIpv4(p, at, type)) return hashIpv4(p, at, h);
  if (isIpv6(p, at, type)) {
    const from = mixWords(p.buf, at + 8);
    const to = mixWords(p.buf, at + 24);
    const ports = portsOf(p, u8(p.buf, at + 6), at + 40);
    return hashPair(h, from, to, ports, u8(p.buf, at + 6));
  }
  return h >>> 0;
}

/** The source port in [low, high) that stands for a flow (include/net/udp.h:udp_flow_src_port). */
export function flowPort(hash: number, low: number, high: number): number {
  const obscured = (hash ^ (hash << 16)) >>> 0;
  return Math.floor((obscured * (high - low)) / 0x1_0000_0000) + low;
}

function hashIpv4(p: Packet, at: number, h: number): number {
  const { buf } = p;
  const carried = protocol(buf, at);
  const ports = isFragment(buf, at) ? 0 : portsOf(p, carried, at + headerLength(buf, at));
  return hashPair(h, i32(buf, at + 12), i32(buf, at + 16), ports, carried);
}

/** Both ends in one order, so that the way back hashes alike (__flow_hash_consistentify). */
function hashPair(h: number, from: number, to: number, ports: number, carried: number): number {
  const swapped = from > to || (from === to && ports >>> 16 > (ports & 0xffff));
  const first = mix(h, swapped ? to : from);
  const second = mix(first, swapped ? from : to);
  return mix(mix(second, swapped ? (ports << 16) | (ports >>> 16) : ports), carried) >>> 0;
}

function portsOf(p: Packet, carried: number, at: number): number {
  const ported =
    carried === IPPROTO_TCP ||
    carried === IPPROTO_UDP ||
    carried === IPPROTO_SCTP ||
    carried === IPPROTO_DCCP ||
    carried === IPPROTO_UDPLITE;
  return ported && at + 4 <= p.end ? i32(p.buf, at) : 0;
}

function mixWords(b: Uint8Array, o: number): number {
  return mix(mix(mix(mix(0, i32(b, o)), i32(b, o + 4)), i32(b, o + 8)), i32(b, o + 12));
}

function mix(h: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const x = h ^ k;
  const r = Math.imul((x << 13) | (x >>> 19), 5) + 0xe6546b64;
  const f = Math.imul(r ^ (r >>> 16), 0x85ebca6b);
  return f ^ (f >>> 13);
}
