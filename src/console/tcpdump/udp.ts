import * as ipv4 from "../../protocols/ipv4/wire.ts";
import { HEADER } from "../../protocols/udp/wire.ts";
import { printBootp } from "./bootp.ts";
import { pseudo, shouldBe } from "./checksum.ts";
import type { Printer } from "./printer.ts";
import { printSip } from "./text.ts";
import { printGeneve, printL2tp, printVxlan } from "./tunnels.ts";

/** Printers by port, source or destination, in tcpdump's order of asking. */
const PORTS: readonly (readonly [port: number, print: (p: Printer, o: number, length: number) => void])[] = [
  [68, printBootp],
  [67, printBootp],
  [1701, printL2tp],
  [5060, printSip],
  [4789, printVxlan],
  [6081, printGeneve],
];

/** A UDP datagram at `o` inside the IP datagram at `ip` (`print-udp.c`). */
export function printUdp(p: Printer, ip: number, o: number, length: number): void {
  p.protocol = "udp";
  const [from, to] = [p.ip(ip + 12), p.ip(ip + 16)];
  if (!p.has(o + 2, 2)) {
    p.out(`${from} > ${to}: `);
    return p.truncated();
  }
  const [sport, dport] = [p.u16(o), p.u16(o + 2)];
  p.out(`${from}.${sport} > ${to}.${dport}: `);
  if (length < HEADER) return p.out(`truncated-udp ${length}`);
  if (!p.has(o + 4, 2)) return p.truncated();
  const told = p.u16(o + 4);
  if (told < HEADER) return p.out(`truncated-udplength ${told}`);
  const data = o + HEADER;
  if (data > p.end) return p.truncated();
  const fragment = ipv4.moreFragments(p.b, ip);
  const bytes = Math.min(told, length) - HEADER;
  if (p.verbose > 1 && !fragment) p.out(sumText(p, ip, o, bytes));
  const printer = PORTS.find(([port]) => port === sport || port === dport)?.[1];
  if (printer !== undefined) return printer(p, data, bytes);
  if (told - HEADER > bytes && !fragment) p.out(`UDP, bad length ${told - HEADER} > ${bytes}`);
  else p.out(`UDP, length ${told - HEADER}`);
}

/** The verdict on the checksum, from `-vv` on. */
function sumText(p: Printer, ip: number, o: number, bytes: number): string {
  const found = p.u16(o + 6);
  if (found === 0) return "[no cksum] ";
  if (!p.has(o + HEADER, bytes)) return "";
  const all = bytes + HEADER;
  const sum = p.checksum(o, all, pseudo(p, ip, ipv4.IPPROTO_UDP, all));
  const hex = (v: number): string => v.toString(16).padStart(4, "0");
  return sum === 0 ? "[udp sum ok] " : `[bad udp cksum 0x${hex(found)} -> 0x${hex(shouldBe(found, sum))}!] `;
}
