import {
  decodeLlc,
  encodedLlcLength,
  encodeLlc,
  LLC_UI,
  type LlcHeader,
  SNAP_HEADER,
} from "../../protocols/ethernet/wire.ts";
import { type Dissector, type Fields, partial } from "./walk.ts";

const fieldsOf = (h: LlcHeader): Fields => ({ dsap: h.dsap, ssap: h.ssap, control: h.control });
const ENDS = { dsap: 1, ssap: 2, control: 3 };
const codec = { encode: encodeLlc, encodedLength: encodedLlcLength };

/** Organizations whose protocol ids are EtherTypes: RFC 1042's own, and one that Cisco used. */
const OUI_ETHERTYPE = 0;
const OUI_CISCO_90 = 0x0000f8;

/** Logical link control, and SNAP behind it (IEEE 802.2, RFC 1042). */
export const llc: Dissector = {
  name: "llc",
  dissect(w, s) {
    const got = decodeLlc(s.b, s.o, s.end);
    if (!got.ok) {
      w.addRaw("llc", s, partial(s, SNAP_HEADER + 1, decodeLlc, fieldsOf, ENDS));
      return w.short(s, s.length + 1);
    }
    const h = got.value;
    const fields = fieldsOf(h);
    w.add("llc", s, fields, codec, h);
    const payload = s.from(s.o + encodedLlcLength(h));
    // Information is carried by I frames (low bit 0) and by unnumbered information.
    const informs = (h.control & 1) === 0 || (h.control & 0xef) === LLC_UI;
    if (h.snap !== undefined) fields["oui"] = h.snap.oui;
    if (payload.length === 0) return;
    if (!informs) return w.data(payload);
    if (h.snap === undefined) return w.next(w.tables.llcSaps.get(h.dsap), payload);
    const { oui, pid } = h.snap;
    const isType = oui === OUI_ETHERTYPE || oui === OUI_CISCO_90;
    fields[isType ? "type" : "pid"] = pid;
    w.next(isType ? w.tables.etherTypes.get(pid) : w.tables.snapIds.get(oui * 0x10000 + pid), payload);
  },
};
