import { u8 } from "../../core/bytes.ts";
import { ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST } from "../../protocols/ethernet/wire.ts";
import { ENTRY, entryAt } from "../../protocols/mpls/wire.ts";
import { ip } from "./ip.ts";
import { ipv6 } from "./ipv6.ts";
import type { Dissector } from "./walk.ts";

/** MPLS label stack entries (RFC 3032 §2.1), each a layer kept as octets; what follows is told by its first four bits. */
export const mpls: Dissector = {
  name: "mpls",
  etherTypes: [ETHERTYPE_MPLS, ETHERTYPE_MPLS_MULTICAST],
  ipProtocols: [137],
  dissect(w, s) {
    for (let at = s.o; ; at += ENTRY) {
      if (s.end - at < ENTRY) return w.short(s, at + ENTRY - s.o);
      const { label, tc, bottom, ttl } = entryAt(s.b, at);
      w.addRaw("mpls", s.from(at), { label, exp: tc, bottom: bottom ? 1 : 0, ttl }, ENTRY);
      if (!bottom) continue;
      const payload = s.from(at + ENTRY);
      const version = payload.captured > 0 ? u8(s.b, payload.o) >> 4 : 0;
      return w.next(version === 4 ? ip : version === 6 ? ipv6 : undefined, payload);
    }
  },
};
