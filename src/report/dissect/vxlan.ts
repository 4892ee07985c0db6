import { decode, encode, encodedLength, HEADER, PORT, type VxlanHeader } from "../../protocols/vxlan/wire.ts";
import { eth } from "./eth.ts";
import { type Dissector, type Fields, partial } from "./walk.ts";

const codec = { encode, encodedLength };
const fieldsOf = (h: VxlanHeader): Fields => ({ flags: h.flags, gbp: h.group, vni: h.vni, reserved8: h.reserved });

export const vxlan: Dissector = {
  name: "vxlan",
  udpPorts: [PORT],
  dissect(w, s) {
    const got = decode(s.b, s.o, s.end);
    if (!got.ok) {
      w.addRaw("vxlan", s, partial(s, HEADER, decode, fieldsOf, { flags: 2, gbp: 4, vni: 7, reserved8: 8 }));
      return w.short(s, HEADER);
    }
    w.add("vxlan", s, fieldsOf(got.value), codec, got.value);
    w.next(eth, s.from(s.o + HEADER));
  },
};
