import { pseudoHeader } from "../../core/checksum.ts";
import { IPOPT_EOL, IPOPT_LSRR, IPOPT_NOP, IPOPT_SSRR } from "../../protocols/ipv4/option-values.ts";
import * as ipv4 from "../../protocols/ipv4/wire.ts";
import type { Printer } from "./printer.ts";

/** The checksum that should stand in the packet, from the one that does and the complemented sum over all (`in_cksum_shouldbe`). */
export function shouldBe(found: number, computed: number): number {
  const sum = found + computed;
  return (sum & 0xffff) + (sum >> 16);
}

/** The pseudo-header's part in a transport checksum; a source route's last address counts as the destination. */
export const pseudo = (p: Printer, ip: number, protocol: number, bytes: number): number =>
  pseudoHeader(ipv4.src(p.b, ip), finalDestination(p, ip), protocol, bytes);

function finalDestination(p: Printer, ip: number): number {
  const end = ip + ipv4.headerLength(p.b, ip);
  for (let at = ip + ipv4.HEADER; at < end; ) {
    const type = p.u8(at);
    if (type === IPOPT_EOL) break;
    const bytes = type === IPOPT_NOP ? 1 : p.u8(at + 1);
    if ((bytes < 2 && type !== IPOPT_NOP) || at + bytes > end) break;
    if ((type === IPOPT_SSRR || type === IPOPT_LSRR) && bytes >= 7) return p.u32(at + bytes - 4);
    at += bytes;
  }
  return ipv4.dst(p.b, ip);
}
