import { formatIp, formatMac } from "../../core/addr.ts";
import { hex, u8, u16 } from "../../core/bytes.ts";
import {
  CAPABILITIES,
  CHASSIS_ID,
  CHASSIS_MAC,
  CHASSIS_NETWORK,
  END,
  ETHERTYPE,
  encode,
  encodedLength,
  type IdTlv,
  ipv4Of,
  type LldpTlv,
  MANAGEMENT_ADDRESS,
  macOf,
  ORGANIZATION,
  PORT_DESCRIPTION,
  PORT_ID,
  PORT_MAC,
  readTlvs,
  SYSTEM_DESCRIPTION,
  SYSTEM_NAME,
  TTL,
  typeNumber,
  VALUE_MAX,
  valueLength,
} from "../../protocols/lldp/wire.ts";
import type { Dissector, Fields, Span, Walk } from "./walk.ts";

const codec = { encode, encodedLength };
/** The address family of an IPv6 network address (IANA address family numbers). */
const FAMILY_IPV6 = 2;

/** LLDP, its TLVs in order. */
export const lldp: Dissector = {
  name: "lldp",
  etherTypes: [ETHERTYPE],
  dissect(w, s) {
    const { tlvs } = readTlvs(s.b, s.o, s.end);
    const shown: Fields[] = [];
    let at = s.o;
    for (const [i, tlv] of tlvs.entries()) {
      if (!inOrder(s, at, i)) break;
      shown.push({ type: typeNumber(tlv), len: valueLength(tlv), ...contents(tlv) });
      if (hasBrokenMac(tlv)) return broken(w, s, shown);
      if (tlv.type === END || (i >= 3 && isMandatory(tlv))) return finished(w, s, shown, at, tlvs);
      at += 2 + valueLength(tlv);
    }
    shown.push(...unreadable(s, at, shown.length));
    broken(w, s, shown, s.end - at < 2 + declared(s, at));
  },
};

/**
 * The end was reached, or one of the first three came again, where tshark stops. It counts the unit up to the octet before
 * that TLV, so that the rest shows as Ethernet's trailer.
 */
function finished(w: Walk, s: Span, shown: readonly Fields[], last: number, tlvs: readonly LldpTlv[]): void {
  if (shown.length === tlvs.length) w.add("lldp", s, { tlvs: shown }, codec, { tlvs });
  else w.addRaw("lldp", s, { tlvs: shown });
  s.shorten(last - 1 - s.o);
}

function broken(w: Walk, s: Span, shown: readonly Fields[], short = false): void {
  w.addRaw("lldp", s, { tlvs: shown });
  if (short) w.short(s, s.captured + 1);
  else w.malformed = true;
}

const isMandatory = (tlv: LldpTlv): boolean => tlv.type === CHASSIS_ID || tlv.type === PORT_ID || tlv.type === TTL;

/** Chassis, port and time to live come first (§9.2.7.7.1): tshark reads no further where they do not. */
const inOrder = (s: Span, at: number, index: number): boolean => index >= 3 || u8(s.b, at) >> 1 === index + 1;

/** An id that calls itself a MAC address without being as long as one. */
const hasBrokenMac = (tlv: LldpTlv): boolean =>
  (tlv.type === CHASSIS_ID || tlv.type === PORT_ID) &&
  tlv.subtype === (tlv.type === CHASSIS_ID ? CHASSIS_MAC : PORT_MAC) &&
  tlv.id.length !== 6;

/** The length in the header of the TLV at `at`; 0 where that is cut. */
const declared = (s: Span, at: number): number => (s.end - at < 2 ? 0 : u16(s.b, at) & VALUE_MAX);

/** What is shown of the TLV that ends the reading: nothing known where another id was due, type and length of a broken id. */
function unreadable(s: Span, at: number, index: number): Fields[] {
  const len = declared(s, at);
  if (s.end - at < 2) return [];
  if (!inOrder(s, at, index)) return index < 2 ? [{ type: null, len: null }] : [];
  const type = u8(s.b, at) >> 1;
  return (type === CHASSIS_ID || type === PORT_ID) && len > 0 && at + 2 + len <= s.end ? [{ type, len }] : [];
}

function contents(tlv: LldpTlv): Fields {
  switch (tlv.type) {
    case CHASSIS_ID:
      return { chassis_subtype: tlv.subtype, ...identifier("chassis", tlv) };
    case PORT_ID:
      return { port_subtype: tlv.subtype, ...identifier("port", tlv) };
    case TTL:
      return { ttl: tlv.seconds };
    case PORT_DESCRIPTION:
      return { port_desc: asciiText(tlv.text) };
    case SYSTEM_NAME:
      return { sys_name: asciiText(tlv.text) };
    case SYSTEM_DESCRIPTION:
      return { sys_desc: asciiText(tlv.text) };
    case CAPABILITIES:
      return { caps: tlv.capabilities, caps_enabled: tlv.enabled };
    case MANAGEMENT_ADDRESS: {
      const address = ipv4Of(tlv);
      return address === undefined ? {} : { mgmt_ip: formatIp(address) };
    }
    case ORGANIZATION:
      return { oui: tlv.oui };
    default:
      return {};
  }
}

/** As tshark reads strings of LLDP: octets that are not ASCII count as unreadable, and a zero ends the text. */
function asciiText(octets: Uint8Array): string {
  const zero = octets.indexOf(0);
  const shown = zero < 0 ? octets : octets.subarray(0, zero);
  return Array.from(shown, (octet) => (octet < 0x80 ? String.fromCharCode(octet) : "\ufffd")).join("");
}

/** A chassis or port id under the name of its kind: `chassis_mac`, `chassis_ip`, `chassis_id` (octets), `port_id` (text). */
function identifier(whose: "chassis" | "port", tlv: IdTlv): Fields {
  const mac = macOf(tlv);
  if (mac !== undefined) return { [`${whose}_mac`]: formatMac(mac) };
  const address = ipv4Of(tlv);
  if (address !== undefined) return { [`${whose}_ip`]: formatIp(address) };
  if (hasBrokenMac(tlv)) return {};
  if (whose === "port") return { port_id: asciiText(tlv.id) };
  const network = tlv.subtype === CHASSIS_NETWORK;
  if (network && tlv.id[0] === FAMILY_IPV6) return {};
  return { chassis_id: hex(tlv.id, network ? 1 : 0) };
}
