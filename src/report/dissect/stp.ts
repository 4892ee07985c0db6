import { formatMac } from "../../core/addr.ts";
import { u8, u16 } from "../../core/bytes.ts";
import { type Bpdu, decode, encode, encodedLength, LLC_SAP, TICKS_PER_SECOND } from "../../protocols/stp/wire.ts";
import { type Dissector, type Fields, partial, type Span } from "./walk.ts";

const codec = { encode, encodedLength };
const RAPID = 36;
/** Octets of a configuration up to the port, without which tshark shows none of it. */
const IDENTIFIERS = 27;

/** Bridge protocol data units, and Cisco's per VLAN. Times are seconds, as text. */
export const stp: Dissector = {
  name: "stp",
  llcSaps: [LLC_SAP],
  snapIds: [0x00000c_010b, 0x0080c2_000e],
  dissect(w, s) {
    const got = decode(s.b, s.o, s.end);
    if (got.ok) return w.add("stp", s, fieldsOf(got.value), codec, got.value);
    w.addRaw("stp", s, incomplete(s));
    if (got.why === "short") w.short(s, RAPID);
  },
};

function fieldsOf(v: Bpdu): Fields {
  const type = v.kind === "tcn" ? 0x80 : v.kind === "config" ? 0 : 2;
  const head = { proto: 0, ver: v.version, type };
  if (v.kind === "tcn") return head;
  const fields: Fields = {
    ...head,
    flags: v.flags,
    root_prio: v.root.priority,
    root_ext: v.root.systemId,
    root_mac: formatMac(v.root.mac),
    root_cost: v.rootCost,
    bridge_prio: v.bridge.priority,
    bridge_ext: v.bridge.systemId,
    bridge_mac: formatMac(v.bridge.mac),
    port: v.port,
    msg_age: seconds(v.messageAge),
    max_age: seconds(v.maxAge),
    hello: seconds(v.helloTime),
    forward: seconds(v.forwardDelay),
  };
  if (v.kind === "rapid") fields["v1len"] = v.version1Length;
  return fields;
}

/** Exact: 256 is a power of two. */
const seconds = (ticks: number): string => String(ticks / TICKS_PER_SECOND);

const ENDS = {
  proto: 2,
  ver: 3,
  type: 4,
  flags: 5,
  root_prio: 7,
  root_ext: 7,
  root_mac: 13,
  root_cost: 17,
  bridge_prio: 19,
  bridge_ext: 19,
  bridge_mac: 25,
  port: 27,
  msg_age: 29,
  max_age: 31,
  hello: 33,
  forward: 35,
  v1len: 36,
};

/** What tshark shows of a unit that is cut short, of another protocol or type. */
function incomplete(s: Span): Fields {
  if (s.captured < 4) return {};
  const head = { proto: u16(s.b, s.o), ver: u8(s.b, s.o + 2), type: u8(s.b, s.o + 3) };
  if (head.type !== 0 && head.type !== 2) return head;
  if (s.captured < IDENTIFIERS) return {};
  return { ...partial(s, RAPID, decodeAnyProtocol, fieldsOf, ENDS), proto: head.proto };
}

const decodeAnyProtocol = (b: Uint8Array, o: number, end: number): ReturnType<typeof decode> => {
  b.fill(0, o, o + 2);
  return decode(b, o, end);
};
