import { u8, u16, u32, u48 } from "../../../../core/bytes.ts";
import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import {
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
  HEADER,
} from "../../../../protocols/ethernet/wire.ts";
import {
  fragmentOffset,
  headerLength,
  HEADER as IP_HEADER,
  IPPROTO_TCP,
  IPPROTO_UDP,
  protocol,
  tos,
} from "../../../../protocols/ipv4/wire.ts";
import { nameMatcher } from "../names.ts";
import type { NameSpec } from "../rule.ts";
import type { FrameState } from "./frame.ts";
import type { EbArpMatch, EbIpMatch, EbMatchSpec, EbPkttypeMatch, EbRuleSpec, EbVlanMatch, MacSpec } from "./rule.ts";

export type FrameTest = (s: FrameState) => boolean;

/** Frames with less than this in the type field carry a length (IEEE 802.3). */
const ETHERTYPE_MIN = 0x600;
const ARP_LENGTH = 28;
/** RFC 903. */
const ETHERTYPE_RARP = 0x8035;
/** A tag of IEEE 802.1Q behind the addresses: control information, and the type of what follows. */
const TAG = 4;
const PACKET_TYPES: readonly EbPkttypeMatch["type"][] = ["host", "broadcast", "multicast", "otherhost"];

/** Everything that a rule asks of a frame. */
export function makeTest(spec: EbRuleSpec): Outcome<FrameTest> {
  const tests: FrameTest[] = [...devices(spec), ...addresses(spec)];
  const { protocol: type } = spec;
  if (type !== undefined) tests.unshift((s) => isType(typeOf(s), type.type) !== (type.invert === true));
  for (const match of spec.matches ?? []) {
    const made = makeMatch(match, spec);
    if (!made.ok) return made;
    tests.push(made.value);
  }
  return granted((s) => {
    for (const test of tests) if (!test(s)) return false;
    return true;
  });
}

const isType = (type: number, wanted: number | "LENGTH"): boolean =>
  wanted === "LENGTH" ? type < ETHERTYPE_MIN : type === wanted;

/** The EtherType; of a tagged frame the tag's own. */
export const typeOf = (s: FrameState): number => u16(s.p.buf, s.p.start + 12);

function devices(spec: EbRuleSpec): FrameTest[] {
  const tests: FrameTest[] = [];
  const add = (want: NameSpec | undefined, dev: (s: FrameState) => { readonly name: string } | null): void => {
    if (want === undefined) return;
    const test = nameMatcher(want);
    tests.push((s) => test(dev(s)?.name ?? ""));
  };
  add(spec.in, (s) => s.in);
  add(spec.out, (s) => s.out);
  add(spec.logicalIn, (s) => s.logicalIn);
  add(spec.logicalOut, (s) => s.logicalOut);
  return tests;
}

function addresses(spec: EbRuleSpec): FrameTest[] {
  const tests: FrameTest[] = [];
  const add = (want: MacSpec | undefined, offset: number): void => {
    if (want !== undefined) tests.push((s) => sameMac(s.p.buf, s.p.start + offset, want));
  };
  add(spec.source, 6);
  add(spec.destination, 0);
  return tests;
}

/** Whether the MAC at `o` is the one that is wanted, under its mask; `invert` turns the answer round. */
function sameMac(b: Uint8Array, o: number, want: MacSpec): boolean {
  const mac = u48(b, o);
  const high = ((high16(mac) ^ high16(want.mac)) & high16(want.mask)) === 0;
  const same = high && ((mac ^ want.mac) & want.mask) === 0;
  return same !== (want.invert === true);
}
const high16 = (mac: number): number => Math.floor(mac / 0x1_0000_0000);

function makeMatch(spec: EbMatchSpec, rule: EbRuleSpec): Outcome<FrameTest> {
  const isFor = (type: number): boolean => rule.protocol?.type === type && rule.protocol.invert !== true;
  switch (spec.kind) {
    case "ip":
      return isFor(ETHERTYPE_IPV4)
        ? granted((s) => ipTest(s, spec))
        : refused("EINVAL", "For IP filtering the protocol must be specified as IPv4.");
    case "arp":
      return isFor(ETHERTYPE_ARP) || isFor(ETHERTYPE_RARP)
        ? granted((s) => arpTest(s, spec))
        : refused("EINVAL", "For (R)ARP filtering the protocol must be specified as ARP or RARP.");
    case "vlan":
      return isFor(ETHERTYPE_VLAN)
        ? granted((s) => vlanTest(s, spec))
        : refused("EINVAL", "For VLAN filtering the protocol must be specified as 802_1Q.");
    case "mark":
      return granted(({ p }) => ((p.mark & spec.mask) === (spec.mark & spec.mask)) !== (spec.invert === true));
    case "pkttype":
      return granted(({ p }) => (PACKET_TYPES[p.type] === spec.type) !== (spec.invert === true));
    default: {
      const { kind } = spec as { kind: string };
      return refused("ENOENT", `Couldn't load match \`${kind}':No such file or directory`);
    }
  }
}

const masked = (
  value: number,
  want: { readonly address: number; readonly mask: number; readonly invert?: boolean },
): boolean => (((value ^ want.address) & want.mask) === 0) !== (want.invert === true);
const is = (value: number, want: { readonly number: number; readonly invert?: boolean } | undefined): boolean =>
  want === undefined || (value === want.number) !== (want.invert === true);

/** net/bridge/netfilter/ebt_ip.c:ebt_ip_mt. */
function ipTest(s: FrameState, m: EbIpMatch): boolean {
  const { buf, start, end } = s.p;
  const net = start + HEADER;
  if (end - net < IP_HEADER) return false;
  if (m.tos !== undefined && (tos(buf, net) === m.tos.tos) === (m.tos.invert === true)) return false;
  if (m.source !== undefined && !masked(u32(buf, net + 12), m.source)) return false;
  if (m.destination !== undefined && !masked(u32(buf, net + 16), m.destination)) return false;
  if (!is(protocol(buf, net), m.protocol)) return false;
  if (m.sport === undefined && m.dport === undefined) return true;
  const at = net + headerLength(buf, net);
  const proto = protocol(buf, net);
  if (fragmentOffset(buf, net) !== 0 || end - at < 4 || (proto !== IPPROTO_TCP && proto !== IPPROTO_UDP)) return false;
  const within = (port: number, want: EbIpMatch["sport"]): boolean =>
    want === undefined || (port >= want.low && port <= want.high) !== (want.invert === true);
  return within(u16(buf, at), m.sport) && within(u16(buf, at + 2), m.dport);
}

/** net/bridge/netfilter/ebt_arp.c:ebt_arp_mt. */
function arpTest(s: FrameState, m: EbArpMatch): boolean {
  const { buf, start, end } = s.p;
  const o = start + HEADER;
  if (end - o < 8) return false;
  if (!is(u16(buf, o + 6), m.opcode) || !is(u16(buf, o), m.htype) || !is(u16(buf, o + 2), m.ptype)) return false;
  const plain = u16(buf, o + 2) === ETHERTYPE_IPV4 && u8(buf, o + 4) === 6 && u8(buf, o + 5) === 4;
  const asks = m.ipSource ?? m.ipDestination ?? m.gratuitous ?? m.macSource ?? m.macDestination;
  if (asks === undefined) return true;
  if (!plain || end - o < ARP_LENGTH) return false;
  if (m.ipSource !== undefined && !masked(u32(buf, o + 14), m.ipSource)) return false;
  if (m.ipDestination !== undefined && !masked(u32(buf, o + 24), m.ipDestination)) return false;
  if (m.gratuitous !== undefined && (u32(buf, o + 14) === u32(buf, o + 24)) === (m.gratuitous.invert === true))
    return false;
  if (m.macSource !== undefined && !sameMac(buf, o + 8, m.macSource)) return false;
  return m.macDestination === undefined || sameMac(buf, o + 18, m.macDestination);
}

/** net/bridge/netfilter/ebt_vlan.c:ebt_vlan_mt. */
function vlanTest(s: FrameState, m: EbVlanMatch): boolean {
  const { buf, start, end } = s.p;
  const type = typeOf(s);
  if ((type !== ETHERTYPE_VLAN && type !== ETHERTYPE_QINQ) || end - start < HEADER + TAG) return false;
  const control = u16(buf, start + HEADER);
  if (!is(control & 0xfff, m.id) || !is(control >> 13, m.priority)) return false;
  const { encapsulated } = m;
  return (
    encapsulated === undefined ||
    (u16(buf, start + HEADER + 2) === encapsulated.type) !== (encapsulated.invert === true)
  );
}
