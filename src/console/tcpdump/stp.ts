import { bits, type Printer } from "./printer.ts";

const VERSIONS: ReadonlyMap<number, string> = new Map([
  [0, "802.1d"],
  [2, "802.1w"],
  [3, "802.1s"],
  [4, "802.1aq"],
]);
const CONFIG = 0x00;
const RAPID = 0x02;
const TYPES: ReadonlyMap<number, string> = new Map([
  [CONFIG, "Config"],
  [RAPID, "Rapid STP"],
  [0x80, "Topology Change"],
]);
const FLAGS = [
  [0x01, "Topology change"],
  [0x02, "Proposal"],
  [0x10, "Learn"],
  [0x20, "Forward"],
  [0x40, "Agreement"],
  [0x80, "Topology change ACK"],
] as const;
const ROLES = ["Unknown", "Alternate", "Root", "Designated"];
/** Octets of a configuration BPDU, and of a rapid one. */
const CONFIG_LENGTH = 35;

const hex2 = (v: number): string => v.toString(16).padStart(2, "0");

/** A spanning tree BPDU at `o` (`print-stp.c`). Of MSTP only the first line is printed. */
export function printStp(p: Printer, o: number, length: number): void {
  p.protocol = "stp";
  if (length < 4) return p.invalid();
  if (p.u16(o) !== 0) return p.out(`unknown STP version, length ${length}`);
  const version = p.u8(o + 2);
  p.out(`STP ${VERSIONS.get(version) ?? `Unknown STP protocol (0x${hex2(version)})`}`);
  if (!VERSIONS.has(version)) return;
  const type = p.u8(o + 3);
  p.out(`, ${TYPES.get(type) ?? `Unknown BPDU Type (0x${hex2(type)})`}`);
  if (type === CONFIG) {
    if (length < CONFIG_LENGTH) return p.invalid();
    printConfig(p, o, length, version);
  } else if (type === RAPID && version === 2) {
    if (length < CONFIG_LENGTH + 1) return p.invalid();
    printConfig(p, o, length, version);
  } else if (type === RAPID && version >= 3) {
    if (length < MSTP_LENGTH_MIN || p.u8(o + 35) !== 0 || length < CONFIG_LENGTH + 3 + p.u16(o + 36))
      return p.invalid();
    p.out(`, CIST Flags [${bits(FLAGS, p.u8(o + 4)) || "none"}], length ${length}`);
  }
}

const MSTP_LENGTH_MIN = 102;

function printConfig(p: Printer, o: number, length: number, version: number): void {
  const flags = p.u8(o + 4);
  const port = p
    .u16(o + 25)
    .toString(16)
    .padStart(4, "0");
  p.out(`, Flags [${bits(FLAGS, flags) || "none"}], bridge-id ${bridge(p, o + 17)}.${port}, length ${length}`);
  if (p.verbose === 0) return;
  const time = (at: number): string => `${(p.u16(at) / 256).toFixed(2)}s`;
  p.out(`\n\tmessage-age ${time(o + 27)}, max-age ${time(o + 29)}, hello-time ${time(o + 31)}`);
  p.out(`, forwarding-delay ${time(o + 33)}`);
  p.out(`\n\troot-id ${bridge(p, o + 5)}, root-pathcost ${p.u32(o + 13)}`);
  if (version === 2) p.out(`, port-role ${ROLES[(flags >> 2) & 3]}`);
}

/** `8000.02:00:00:00:00:01`. */
const bridge = (p: Printer, o: number): string => `${p.hex(o, 2)}.${p.mac(o + 2)}`;
