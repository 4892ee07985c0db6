import type { Mac } from "../../../../core/addr.ts";
import { u48 } from "../../../../core/bytes.ts";
import { granted, type Outcome } from "../../../../core/errno.ts";
import { HEADER as ETHERNET_HEADER } from "../../../../protocols/ethernet/wire.ts";
import type { Matcher } from "../rule.ts";
import { FORWARD, LOCAL_IN, PRE_ROUTING } from "../state.ts";

/** `-m mac --mac-source`: who sent the frame that the packet came in (net/netfilter/xt_mac.c). */
export interface MacMatch {
  readonly kind: "mac";
  readonly source: Mac;
  readonly invert?: boolean;
}

/** The frame's header is there on the way in only. */
export const macHooks = (1 << PRE_ROUTING) | (1 << LOCAL_IN) | (1 << FORWARD);

export function makeMac(spec: MacMatch): Outcome<Matcher> {
  const { source } = spec;
  const invert = spec.invert === true;
  return granted({
    test({ p, in: dev }) {
      // The Ethernet header still stands in front of the IP header that it was stripped from.
      if (dev === null || dev.headerLength !== ETHERNET_HEADER || p.net < ETHERNET_HEADER) return false;
      return (u48(p.buf, p.net - ETHERNET_HEADER + 6) === source) !== invert;
    },
  });
}
