import { formatIp, formatMac } from "../../core/addr.ts";
import { hex } from "../../core/bytes.ts";
import {
  CAPABILITIES,
  CHASSIS_ID,
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
  readTlvs,
  SYSTEM_DESCRIPTION,
  SYSTEM_NAME,
  TTL,
  text,
  typeNumber,
  valueLength,
} from "../../protocols/lldp/wire.ts";
import type { Dissector, Fields } from "./walk.ts";

const codec = { encode, encodedLength };

/** LLDP, its TLVs in order. */
export const lldp: Dissector = {
  name: "lldp",
  etherTypes: [ETHERTYPE],
  dissect(w, s) {
    const { tlvs, bad } = readTlvs(s.b, s.o, s.end);
    const fields: Fields[] = [];
    let last = s.o;
    let at = s.o;
    for (const tlv of tlvs) {
      const expected = fields.length < 3 ? fields.length + 1 : undefined; // chassis, port, TTL come first
      if (expected !== undefined && typeNumber(tlv) !== expected) break;
      last = at;
      at += 2 + valueLength(tlv);
      fields.push(fieldsOf(tlv));
    }
    const stopped = fields.length < tlvs.length;
    if (stopped) fields.push({ type: null, len: null });
    const layer = { tlvs: fields };
    if (stopped || bad) w.addRaw("lldp", s, layer);
    else w.add("lldp", s, layer, codec, { tlvs });
    if (bad && !stopped) w.short(s, s.captured + 1);
    else if (stopped) w.malformed = true;
    // tshark counts the unit up to the octet before its last TLV, so that the rest shows as Ethernet's trailer.
    if (!stopped && !bad && tlvs.at(-1)?.type === END) s.shorten(last - 1 - s.o);
  },
};

function fieldsOf(tlv: LldpTlv): Fields {
  return { type: typeNumber(tlv), len: valueLength(tlv), ...contents(tlv) };
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
      return { port_desc: text(tlv.text) };
    case SYSTEM_NAME:
      return { sys_name: text(tlv.text) };
    case SYSTEM_DESCRIPTION:
      return { sys_desc: text(tlv.text) };
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

/** A chassis or port id under the name of its kind: `chassis_mac`, `chassis_ip`, `chassis_id` (octets), `port_id` (text). */
function identifier(whose: "chassis" | "port", tlv: IdTlv): Fields {
  const mac = macOf(tlv);
  if (mac !== undefined) return { [`${whose}_mac`]: formatMac(mac) };
  const address = ipv4Of(tlv);
  if (address !== undefined) return { [`${whose}_ip`]: formatIp(address) };
  if (whose === "port") return { port_id: text(tlv.id) };
  return { chassis_id: hex(tlv.id, tlv.subtype === CHASSIS_NETWORK ? 1 : 0) };
}
