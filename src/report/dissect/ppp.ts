import { u8, u16 } from "../../core/bytes.ts";
import type { Dissector } from "./walk.ts";

const ALL_STATIONS = 0xff;

/** PPP (RFC 1661): address and control where they are there, a protocol of one or two octets. */
export const ppp: Dissector = {
  name: "ppp",
  linkTypes: [9, 50],
  dissect(w, s) {
    let at = s.o;
    if (s.captured >= 2 && u8(s.b, at) === ALL_STATIONS) at += 2; // RFC 1662 §3.1
    const missing = s.end - at < 1 || ((u8(s.b, at) & 1) === 0 && s.end - at < 2);
    if (missing) return w.short(s, at - s.o + 2);
    const short = (u8(s.b, at) & 1) === 1; // RFC 1661 §6.5: compressed
    const protocol = short ? u8(s.b, at) : u16(s.b, at);
    at += short ? 1 : 2;
    w.addRaw("ppp", s, { protocol }, at - s.o);
    w.next(w.tables.pppProtocols.get(protocol), s.from(at));
  },
};
