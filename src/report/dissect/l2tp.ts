import { u16 } from "../../core/bytes.ts";
import {
  BARE_IP,
  BARE_UDP,
  decode,
  encode,
  encodedLength,
  FLAG_CONTROL,
  IP_PROTOCOL,
  type L2tpv3Header,
  PORT,
  readAvps,
  VERSION_MASK,
} from "../../protocols/l2tpv3/wire.ts";
import { ppp } from "./ppp.ts";
import type { Dissector, Fields, Span, Walk } from "./walk.ts";

const codec = { encode, encodedLength };

/** L2TP over UDP: version 3, and version 2 with PPP inside. Cookies and sublayers count as data, for nothing tells of them. */
export const l2tp: Dissector = {
  name: "l2tp",
  udpPorts: [PORT],
  dissect(w, s) {
    const got = decode(s.b, s.o, s.end, BARE_UDP);
    if (got.ok) return message(w, s, got.value);
    if (s.captured < 2 || got.why === "version") {
      w.stack.pop(); // not L2TP after all
      return w.data(s);
    }
    const control = (u16(s.b, s.o) & FLAG_CONTROL) !== 0;
    w.addRaw("l2tp", s, { type: control ? 1 : 0, ver: u16(s.b, s.o) & VERSION_MASK });
    if (got.why === "short") w.short(s, s.length + 1);
    else w.malformed = true;
  },
};

/** L2TP version 3 straight on IP. */
export const l2tpIp: Dissector = {
  name: "l2tp",
  ipProtocols: [IP_PROTOCOL],
  dissect(w, s) {
    const got = decode(s.b, s.o, s.end, BARE_IP);
    if (got.ok) return message(w, s, got.value);
    w.addRaw("l2tp", s, {});
    if (got.why === "short") w.short(s, s.length + 1);
    else w.malformed = true;
  },
};

function message(w: Walk, s: Span, h: L2tpv3Header): void {
  w.add("l2tp", s, fieldsOf(h), codec, h);
  if (h.kind === "control" || (h.kind === "v2" && h.flags & FLAG_CONTROL)) return;
  if (h.kind === "v2" && h.length !== undefined) s.shorten(h.length);
  const payload = s.from(s.o + encodedLength(h));
  if (payload.length > 0) w.next(h.kind === "v2" ? ppp : undefined, payload);
}

function fieldsOf(h: L2tpv3Header): Fields {
  const type = h.flags & FLAG_CONTROL ? 1 : 0;
  const ver = h.flags & VERSION_MASK;
  switch (h.kind) {
    case "data":
      return h.over === "ip" ? { sid: h.session } : { type, ver, sid: h.session };
    case "control":
      return {
        type,
        ver,
        ...(h.over === "ip" && { sid: 0 }),
        length: h.length,
        ccid: h.connection,
        ...avps(h.avpsRaw),
      };
    case "v2": {
      const length = h.length !== undefined && { length: h.length };
      return { type, ver, ...length, tunnel: h.tunnel, session: h.session, ...avps(h.avpsRaw) };
    }
  }
}

/** The types of the attributes that can be read; no key where there is none. */
function avps(raw: Uint8Array): Fields {
  const types = readAvps(raw, 0, raw.length).avps.map((avp) => avp.type);
  return types.length > 0 ? { avps: types } : {};
}
