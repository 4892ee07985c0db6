import * as arp from "../../protocols/arp/wire.ts";
import { ETHERTYPE_IPV4 } from "../../protocols/ethernet/wire.ts";
import { ARP_HARDWARE_NAMES, ARP_OP_NAMES, ETHERTYPE_NAMES } from "./names.ts";
import type { Printer } from "./printer.ts";

const FIXED = 8;
const ATM = 19;

/** An ARP packet at `o` (`print-arp.c`). ATM's own layout is only named. */
export function printArp(p: Printer, o: number, length: number): void {
  p.protocol = "arp";
  p.need(o, FIXED);
  const [hardware, protocol, op] = [arp.hardware(p.b, o), arp.protocol(p.b, o), arp.op(p.b, o)];
  const [hlen, plen] = [arp.hlen(p.b, o), arp.plen(p.b, o)];
  const sha = o + FIXED;
  const tha = sha + hlen + plen;
  p.need(tha + hlen, plen);
  if (!p.options.link) p.out("ARP, ");
  const strange = (protocol !== ETHERTYPE_IPV4 && protocol !== TRAILER) || plen !== 4 || hlen === 0;
  if (strange || p.verbose > 0) {
    const names = [ARP_HARDWARE_NAMES.get(hardware), ETHERTYPE_NAMES.get(protocol)];
    p.out(`${names[0] ?? `Unknown Hardware (${hardware})`} (len ${hlen}), `);
    p.out(`${names[1] ?? `Unknown Protocol (0x${protocol.toString(16).padStart(4, "0")})`} (len ${plen})`);
  }
  if (!(strange && p.verbose === 0) && hardware !== ATM) {
    p.out(`${p.verbose > 0 ? ", " : ""}${ARP_OP_NAMES.get(op) ?? `Unknown (${op})`} `);
    const hw = (at: number): string => (hlen === 0 ? "<empty>" : p.hex(at, hlen, ":"));
    const proto = (at: number): string => {
      if (protocol !== ETHERTYPE_IPV4 && protocol !== TRAILER) return "<wrong proto type>";
      return plen === 4 ? p.ip(at) : "<wrong len>";
    };
    const text = sentence(op, { sha: hw(sha), spa: proto(sha + hlen), tha: hw(tha), tpa: proto(tha + hlen) });
    if (text === undefined) return p.dump(o, p.available(o));
    p.out(text);
  }
  p.out(`, length ${length}`);
}

const TRAILER = 0x1000;

/** What the packet says, or nothing for an unknown operation. */
function sentence(op: number, a: Readonly<Record<"sha" | "spa" | "tha" | "tpa", string>>): string | undefined {
  switch (op) {
    case arp.ARPOP_REQUEST:
      return `who-has ${a.tpa}${/[1-9a-f]/.test(a.tha) && a.tha !== "<empty>" ? ` (${a.tha})` : ""} tell ${a.spa}`;
    case arp.ARPOP_REPLY:
      return `${a.spa} is-at ${a.sha}`;
    case arp.ARPOP_RREQUEST:
    case arp.ARPOP_INREQUEST:
      return `who-is ${a.tha} tell ${a.sha}`;
    case arp.ARPOP_RREPLY:
      return `${a.tha} at ${a.tpa}`;
    case arp.ARPOP_INREPLY:
      return `${a.sha} at ${a.spa}`;
    default:
      return undefined;
  }
}
