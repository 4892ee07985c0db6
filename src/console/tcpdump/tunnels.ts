import * as ethernet from "../../protocols/ethernet/wire.ts";
import { ETHERTYPE_NAMES } from "./names.ts";
import { bits, CUT, type Printer } from "./printer.ts";

const hex4 = (v: number): string => v.toString(16).padStart(4, "0");
const protocolText = (protocol: number): string =>
  `, proto ${ETHERTYPE_NAMES.get(protocol) ?? "unknown"} (0x${hex4(protocol)})`;

const GRE_CHECKSUM = 0x8000;
const GRE_ROUTING = 0x4000;
const GRE_KEY = 0x2000;
const GRE_SEQUENCE = 0x1000;
const GRE_FLAGS = [
  [GRE_CHECKSUM, "checksum present"],
  [GRE_ROUTING, "routing present"],
  [GRE_KEY, "key present"],
  [GRE_SEQUENCE, "sequence# present"],
  [0x0800, "source routing present"],
  [0x0080, "ack present"],
] as const;
const ETHERTYPE_PPP = 0x880b;

/** A GRE packet at `o` (`print-gre.c`); of version 1, PPTP's, only the header. Source routes (RFC 1701) are refused by name. */
export function printGre(p: Printer, o: number, length: number): void {
  p.protocol = "gre";
  if (length < 2 || !p.has(o, 2)) return p.truncated();
  const flags = p.u16(o);
  const version = flags & 7;
  p.out(`GREv${version}`);
  if (version > 1) return p.out(" ERROR: unknown-version");
  if (p.verbose > 0) p.out(`, Flags [${bits(GRE_FLAGS, flags) || "none"}]`);
  const end = Math.min(p.end, o + length);
  let at = o + 2;
  const take = (bytes: number): number => {
    if (at + bytes > end) throw CUT;
    at += bytes;
    return at - bytes;
  };
  const protocol = p.u16(take(2));
  if (version === 1) return printPptp(p, o, length, flags, protocol, take);
  if (flags & (GRE_CHECKSUM | GRE_ROUTING)) {
    const sum = p.u16(take(2));
    if (p.verbose > 0) p.out(`, sum 0x${sum.toString(16)}`);
    p.out(`, off 0x${p.u16(take(2)).toString(16)}`);
  }
  if (flags & GRE_KEY) p.out(`, key=0x${p.u32(take(4)).toString(16)}`);
  if (flags & GRE_SEQUENCE) p.out(`, seq ${p.u32(take(4))}`);
  if (flags & GRE_ROUTING) return p.out(", source route not printed");
  if (p.options.link) p.out(protocolText(protocol));
  p.out(`, length ${length}${p.verbose > 0 ? "\n\t" : ": "}`);
  const left = length - (at - o);
  if (protocol === ethernet.ETHERTYPE_IPV4) p.to.ip(p, at, left);
  else if (protocol === ethernet.ETHERTYPE_TEB) p.to.ethernet(p, at, left);
  else p.out(`gre-proto-0x${protocol.toString(16)}`);
}

/** PPTP's GRE (RFC 2637 §4.1). */
function printPptp(
  p: Printer,
  o: number,
  length: number,
  flags: number,
  protocol: number,
  take: (bytes: number) => number,
): void {
  if (flags & GRE_KEY) p.out(`, call ${p.u32(take(4)) & 0xffff}`);
  if (flags & GRE_SEQUENCE) p.out(`, seq ${p.u32(take(4))}`);
  if (flags & 0x0080) p.out(`, ack ${p.u32(take(4))}`);
  if ((flags & GRE_SEQUENCE) === 0) p.out(", no-payload");
  if (p.options.link) p.out(protocolText(protocol));
  p.out(`, length ${length}`);
  if ((flags & GRE_SEQUENCE) === 0) return;
  const at = take(0);
  p.out(p.verbose > 0 ? "\n\t" : ": ");
  if (protocol === ETHERTYPE_PPP) p.out(`PPP, length ${length - (at - o)}`);
  else p.out(`gre-proto-0x${protocol.toString(16)}`);
}

/** VXLAN at `o`: tcpdump ends its header with a newline, the frame inside is on a line of its own (`print-vxlan.c`). */
export function printVxlan(p: Printer, o: number, length: number): void {
  p.protocol = "vxlan";
  p.out("VXLAN");
  if (length < 8) return p.invalid();
  const flags = p.u8(o);
  p.out(`, flags [${flags & 0x08 ? "I" : "invalid"}] (0x${flags.toString(16).padStart(2, "0")}), `);
  p.out(`vni ${p.u24(o + 4)}\n`);
  p.need(o + 7, 1);
  p.to.ethernet(p, o + 8, length - 8);
}

const GENEVE_FLAGS = [
  [0x80, "O"],
  [0x40, "C"],
  [0x20, "R1"],
  [0x10, "R2"],
  [0x08, "R3"],
  [0x04, "R4"],
  [0x02, "R5"],
  [0x01, "R6"],
] as const;

/** Geneve at `o` (`print-geneve.c`). */
export function printGeneve(p: Printer, o: number, length: number): void {
  p.protocol = "geneve";
  p.out("Geneve");
  if (length < 8) {
    p.out(` [length ${length} < 8]`);
    return p.invalid();
  }
  if (!p.has(o, 8)) return p.truncated();
  const first = p.u8(o);
  if (first >> 6 !== 0) return p.out(` ERROR: unknown-version ${first >> 6}`);
  const protocol = p.u16(o + 2);
  p.out(`, Flags [${bits(GENEVE_FLAGS, p.u8(o + 1), "") || "none"}], vni 0x${p.u24(o + 4).toString(16)}`);
  if (p.u8(o + 7) !== 0) p.out(`, rsvd 0x${p.u8(o + 7).toString(16)}`);
  if (p.options.link) p.out(protocolText(protocol));
  const options = (first & 0x3f) * 4;
  if (length - 8 < options) return p.out(` truncated-geneve - ${options - (length - 8)} bytes missing`);
  if (!p.has(o + 8, options)) return p.truncated();
  if (options > 0) {
    p.out(", options [");
    if (p.verbose > 0) printGeneveOptions(p, o + 8, options);
    else p.out(`${options} bytes`);
    p.out("]");
  }
  const at = o + 8 + options;
  const left = length - 8 - options;
  p.out(p.verbose > 0 ? "\n\t" : ": ");
  if (p.to.etherType(p, protocol, at, left)) return;
  if (protocol === ethernet.ETHERTYPE_TEB) p.to.ethernet(p, at, left);
  else p.out(`geneve-proto-0x${protocol.toString(16)}`);
}

const CLASSES: Readonly<Record<number, string>> = {
  256: "Linux",
  257: "Open vSwitch",
  258: "Open Virtual Networking (OVN)",
  259: "In-band Network Telemetry (INT)",
  260: "VMware",
};

function printGeneveOptions(p: Printer, o: number, bytes: number): void {
  for (let at = o; at < o + bytes; ) {
    const [kind, type, size] = [p.u16(at), p.u8(at + 2), 4 + (p.u8(at + 3) & 0x1f) * 4];
    const name = CLASSES[kind] ?? (kind <= 0xff ? "Standard" : kind >= 0xfff0 ? "Experimental" : "Unknown");
    const critical = type & 0x80 ? "(C)" : "";
    p.out(
      `${at > o ? ", " : ""}class ${name} (0x${kind.toString(16)}) type 0x${type.toString(16)}${critical} len ${size}`,
    );
    if (at + size > o + bytes) return p.out(" [bad length]");
    if (p.verbose > 1 && size > 4) {
      p.out(" data");
      for (let i = 4; i < size; i += 4) p.out(` ${p.hex(at + i, 4)}`);
    }
    at += size;
  }
}

const L2TP_LETTERS = [
  [0x8000, "T"],
  [0x4000, "L"],
  [0x0800, "S"],
  [0x0200, "O"],
  [0x0100, "P"],
] as const;

/** L2TP over UDP at `o`: version 2 only, as tcpdump knows it; AVPs are counted, not read (`print-l2tp.c`). */
export function printL2tp(p: Printer, o: number, length: number): void {
  p.protocol = "l2tp";
  const flags = p.u16(o);
  const version = flags & 15;
  if (version === 1) return p.out(" l2f:");
  if (version !== 2) return p.out(" Unknown Version, neither L2F(1) nor L2TP(2)");
  p.out(` l2tp:[${bits(L2TP_LETTERS, flags, "")}]`);
  const [control, lengthThere] = [(flags & 0x8000) !== 0, (flags & 0x4000) !== 0];
  let at = o + 2;
  let total = length;
  if (lengthThere) {
    total = p.u16(at);
    at += 2;
  }
  p.out(`(${p.u16(at)}/${p.u16(at + 2)})`);
  at += 4;
  if (flags & 0x0800) {
    p.out(`Ns=${p.u16(at)},Nr=${p.u16(at + 2)}`);
    at += 4;
  }
  if (flags & 0x0200) at += 2 + p.u16(at);
  if (lengthThere && length < total) return p.out(` Length ${total} larger than packet`);
  const left = total - (at - o);
  if (left < 0) return p.out(` Length ${total} smaller than header length`);
  if (control) p.out(!lengthThere ? " No length" : left === 0 ? " ZLB" : ` AVPs, length ${left}`);
  else p.out(` {PPP, length ${left}}`);
}
