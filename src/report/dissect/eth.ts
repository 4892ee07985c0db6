import { formatMac } from "../../core/addr.ts";
import {
  decode,
  ETHERTYPE_TEB,
  type EthernetHeader,
  encode,
  encodedLength,
  HEADER,
  type Ieee8023Header,
} from "../../protocols/ethernet/wire.ts";
import { dissect8023 } from "./ieee8023.ts";
import { addTrailer } from "./trailer.ts";
import type { Dissector, Fields } from "./walk.ts";

const codec = { encode, encodedLength };
/** Type values from here on are EtherTypes; between a length and this they mean nothing (IEEE 802.3 §3.2.6). */
const TYPE_MIN = 1536;

/** Ethernet II and 802.3, with padding, trailer and frame check sequence as tshark tells them apart. */
export const eth: Dissector = {
  name: "eth",
  linkTypes: [1],
  etherTypes: [ETHERTYPE_TEB],
  dissect(w, s) {
    const got = decode(s.b, s.o, s.end);
    if (!got.ok) return w.short(s, HEADER);
    const h = got.value;
    const fields: Fields = { dst: formatMac(h.dst), src: formatMac(h.src) };
    w.add("eth", s, fields, codec, h);
    const type = typeOf(h);
    const outermost = w.stack.length === 1; // no check sequence is looked for in a tunnel
    if (h.kind === "ieee8023" && type !== 0) return dissect8023(w, s, s.o + HEADER, type, fields, outermost);
    const payload = s.from(s.o + HEADER);
    if (type !== 0 && type < TYPE_MIN) return w.data(payload);
    fields["type"] = type; // tshark takes zero for a type, not for a length
    w.etherType(type, payload);
    addTrailer(w, s, payload.wireEnd, fields, outermost);
  },
};

const typeOf = (h: EthernetHeader | Ieee8023Header): number => (h.kind === "ethernet2" ? h.type : h.length);
