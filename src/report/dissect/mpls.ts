import { u8, u32 } from "../../core/bytes.ts";
import { ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST } from "../../protocols/ethernet/wire.ts";
import { ip } from "./ip.ts";
import { ipv6 } from "./ipv6.ts";
import type { Dissector } from "./walk.ts";

/** MPLS label stack entries (RFC 3032 §2.1), each a layer kept as octets; what follows is told by its first four bits. */
export const mpls: Dissector = {
  name: "mpls",
  etherTypes: [ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST],
  ipProtocols: [137],
  dissect(w, s) {
    for (let at = s.o; ; at += 4) {
      if (s.end - at < 4) return w.short(s, at + 4 - s.o);
      const entry = u32(s.b, at);
      const bottom = (entry >>> 8) & 1;
      w.addRaw("mpls", s.from(at), { label: entry >>> 12, exp: (entry >>> 9) & 7, bottom, ttl: entry & 255 }, 4);
      if (bottom === 0) continue;
      const payload = s.from(at + 4);
      const version = payload.captured > 0 ? u8(s.b, payload.o) >> 4 : 0;
      return w.next(version === 4 ? ip : version === 6 ? ipv6 : undefined, payload);
    }
  },
};
