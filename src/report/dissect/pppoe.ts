import { u8, u16 } from "../../core/bytes.ts";
import { ETHERTYPE_PPPOE_SESSION } from "../../protocols/ethernet/wire.ts";
import { ppp } from "./ppp.ts";
import type { Dissector } from "./walk.ts";

const HEADER = 6;

/** The session stage of PPP over Ethernet (RFC 2516 §4): its header is kept as octets. */
export const pppoe: Dissector = {
  name: "pppoes",
  etherTypes: [ETHERTYPE_PPPOE_SESSION],
  linkTypes: [51],
  dissect(w, s) {
    if (s.captured < HEADER) return w.short(s, HEADER);
    const length = u16(s.b, s.o + 4);
    w.addRaw("pppoes", s, { code: u8(s.b, s.o + 1), session: u16(s.b, s.o + 2), len: length }, HEADER);
    s.shorten(HEADER + length);
    w.next(ppp, s.from(s.o + HEADER));
  },
};
