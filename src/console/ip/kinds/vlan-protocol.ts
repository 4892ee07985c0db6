import { refused } from "../../../core/errno.ts";
import { ETHERTYPE_QINQ, ETHERTYPE_VLAN } from "../../../protocols/ethernet/wire.ts";
import { answer, wrong } from "../exit.ts";
import { parseUnsigned } from "../values.ts";

/** Protocols that have names, but no tags (lib/ll_proto.c). */
const OTHERS = new Set(
  [
    "loop pup pupat ip x25 arp bpq ieeepup ieeepupat dec dna_dl dna_rc dna_rt lat diag cust sca rarp atalk aarp ipx ipv6",
    "ppp_disc ppp_ses atmmpoa atmfate 802_3 ax25 all 802_2 snap ddcmp wan_ppp ppp_mp localtalk can ppptalk tr_802_2",
    "mobitex control irda econet tipc profinet aoe ethercat mpls_uc mpls_mc teb lldp ipv4",
  ].flatMap((line) => line.split(" ")),
);

/**
 * `802.1Q` or `802.1ad` in any case, or their numbers (lib/ll_proto.c:ll_proto_a2n). Another protocol is refused as the
 * kernel refuses it, with `detail`; what is none is wrong, for the reason given.
 */
export function readVlanProtocol(why: string, text: string, detail?: string): "802.1Q" | "802.1ad" {
  const word = text.toLowerCase();
  const number = parseUnsigned(text, 0xffff);
  if (word === "802.1q" || number === ETHERTYPE_VLAN) return "802.1Q";
  if (word === "802.1ad" || number === ETHERTYPE_QINQ) return "802.1ad";
  if (number === undefined && !OTHERS.has(word)) throw wrong(why, text);
  return answer(refused("EPROTONOSUPPORT", detail));
}
