import type { Printer } from "./printer.ts";

/** BOOTP and DHCP at `o`: the one line; with `-v` the fixed fields, without the options (`print-bootp.c`). */
export function printBootp(p: Printer, o: number, length: number): void {
  p.protocol = "bootp";
  const op = p.u8(o);
  const name = op === 1 ? "Request" : op === 2 ? "Reply" : `unknown (0x${op.toString(16).padStart(2, "0")})`;
  p.out(`BOOTP/DHCP, ${name}`);
  const [hardware, hlen] = [p.u8(o + 1), p.u8(o + 2)];
  const ethernet = hardware === 1 && hlen === 6;
  if (ethernet && op === 1) p.out(` from ${p.mac(o + 28)}`);
  p.out(`, length ${length}`);
  if (p.verbose === 0) return;
  p.need(o + 8, 2);
  if (hardware !== 1) p.out(`, htype ${hardware}`);
  if (!ethernet) p.out(`, hlen ${hlen}`);
  if (p.u8(o + 3) > 0) p.out(`, hops ${p.u8(o + 3)}`);
  if (p.u32(o + 4) > 0) p.out(`, xid 0x${p.u32(o + 4).toString(16)}`);
  if (p.u16(o + 8) > 0) p.out(`, secs ${p.u16(o + 8)}`);
  const flags = p.u16(o + 10);
  p.out(`, Flags [${flags & 0x8000 ? "Broadcast" : "none"}]`);
  if (p.verbose > 1) p.out(` (0x${flags.toString(16).padStart(4, "0")})`);
  for (const [i, who] of ["Client", "Your", "Server", "Gateway"].entries()) {
    if (p.u32(o + 12 + 4 * i) !== 0) p.out(`\n\t  ${who}-IP ${p.ip(o + 12 + 4 * i)}`);
  }
  if (ethernet) p.out(`\n\t  Client-Ethernet-Address ${p.mac(o + 28)}`);
}
