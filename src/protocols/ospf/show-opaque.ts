import { formatIp } from "../../core/addr.ts";
import { hex, u8, u16, u32 } from "../../core/bytes.ts";
import type { Json } from "../../frr/json.ts";
import { RESTART_REASONS } from "./gr-helper.ts";
import type { Lsa } from "./lsa.ts";
import { LSA_HEADER } from "./lsa-codec.ts";
import { OPAQUE_INTER_AS, OPAQUE_TE, teJson, teText } from "./te-tlv.ts";

/** Opaque advertisements at length (ospfd/ospf_opaque.c:show_opaque_info_detail); contents other than of grace and traffic engineering advertisements as octets. */

const [GRACE, TYPE_MAX] = [3, 8];
const NAMES: ReadonlyMap<number, string> = new Map([
  [0, "Wildcard"],
  [1, "Traffic Engineering LSA"],
  [2, "Sycamore optical topology description"],
  [GRACE, "Grace-LSA"],
  [4, "Router Information LSA"],
  [6, "Inter-AS TE-v2 LSA"],
  [7, "Extended Prefix Opaque LSA"],
  [TYPE_MAX, "Extended Link Opaque LSA"],
]);
const nameOf = (type: number): string =>
  NAMES.get(type) ?? (type < TYPE_MAX ? "Unknown" : type < 128 ? "Unassigned" : "Private/Experimental");
const isTe = (type: number): boolean => type === OPAQUE_TE || type === OPAQUE_INTER_AS;
const opaqueOf = ({ id, length }: Lsa) => ({ type: id >>> 24, id: id & 0xff_ffff, octets: length - LSA_HEADER });

export function opaqueText(lsa: Lsa): string {
  const { type, id, octets } = opaqueOf(lsa);
  const head = `  Opaque-Type ${type} (${nameOf(type)})\n  Opaque-ID   0x${id.toString(16)}\n  Opaque-Info: ${octets} octets of data\n`;
  return `${head}${type === GRACE ? graceText(lsa) : isTe(type) ? teText(lsa.bytes, LSA_HEADER, lsa.length) : `  ${hex(lsa.bytes, LSA_HEADER, lsa.length, " ")}\n`}\n`;
}

export function opaqueJson(lsa: Lsa): { readonly [key: string]: Json } {
  const { type, id, octets } = opaqueOf(lsa);
  const head = { opaqueType: nameOf(type), opaqueId: id, opaqueLength: octets, opaqueLengthValid: true };
  if (type === GRACE) return { ...head, opaqueValues: {} };
  if (isTe(type)) return { ...head, opaqueValues: teJson(lsa.bytes, LSA_HEADER, lsa.length) };
  return { ...head, opaqueInformation: hex(lsa.bytes, LSA_HEADER, lsa.length) };
}

/** ospfd/ospf_gr_helper.c:show_ospf_grace_lsa_info. */
function graceText({ bytes, length }: Lsa): string {
  let text = "  TLV info:\n";
  for (let at = LSA_HEADER; at < length; ) {
    const size = at + 4 > length ? length : 4 + Math.ceil(u16(bytes, at + 2) / 4) * 4;
    if (at + size > length) return `${text}% Invalid TLV length: ${size}\n`;
    const [type, known] = [u16(bytes, at), size >= 8];
    if (type === 1 && known) text += `   Grace period:${u32(bytes, at + 4)}\n`;
    else if (type === 2 && known)
      text += `   Restart reason:${RESTART_REASONS[u8(bytes, at + 4)] ?? RESTART_REASONS[0]}\n`;
    else if (type === 3 && known) text += `   Restarter address:${formatIp(u32(bytes, at + 4))}\n`;
    else text += `   Unknown TLV type ${type}\n`;
    at += size;
  }
  return text;
}
