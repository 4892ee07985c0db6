import { formatIp } from "../../core/addr.ts";
import { OUI_NAMES } from "./names.ts";
import { bits, type Printer } from "./printer.ts";

const TLVS: Readonly<Record<number, string>> = {
  0: "End",
  1: "Chassis ID",
  2: "Port ID",
  3: "Time to Live",
  4: "Port Description",
  5: "System Name",
  6: "System Description",
  7: "System Capabilities",
  8: "Management Address",
  127: "Organization specific",
};
const CHASSIS = [
  "Unknown",
  "Chassis component",
  "Interface alias",
  "Port component",
  "MAC address",
  "Network address",
  "Interface name",
  "Local",
];
const PORT = [
  "Unknown",
  "Interface alias",
  "Port component",
  "MAC address",
  "Network Address",
  "Interface Name",
  "Agent circuit ID",
  "Local",
];
const CAPABILITIES = [
  [0x0001, "Other"],
  [0x0002, "Repeater"],
  [0x0004, "Bridge"],
  [0x0008, "WLAN AP"],
  [0x0010, "Router"],
  [0x0020, "Telephone"],
  [0x0040, "Docsis"],
  [0x0080, "Station Only"],
] as const;

/** An LLDP unit at `o`: its length and the system's name, with `-v` the basic TLVs (`print-lldp.c`). */
export function printLldp(p: Printer, o: number, length: number): void {
  p.protocol = "lldp";
  p.out(`LLDP, length ${length}`);
  let at = o;
  let left = length;
  while (left >= 2) {
    const head = p.u16(at);
    const [type, bytes] = [head >> 9, head & 0x1ff];
    at += 2;
    left -= 2;
    if (p.verbose > 0) p.out(`\n\t${TLVS[type] ?? "Unknown"} TLV (${type}), length ${bytes}`);
    if (type === 0 || bytes === 0) return;
    p.need(at, bytes);
    if (left < bytes) return p.truncated();
    if (type === 5) p.out(`: ${p.string(at, bytes)}`);
    else if (p.verbose > 0 && !printTlv(p, type, at, bytes)) return p.truncated();
    if (p.verbose > 1) p.hexDump("\n\t  ", at, bytes);
    at += bytes;
    left -= bytes;
  }
}

/** The inside of a TLV with `-v`; false when it is too short. */
function printTlv(p: Printer, type: number, at: number, bytes: number): boolean {
  switch (type) {
    case 1:
      return printId(p, CHASSIS, at, bytes, 4, 5);
    case 2:
      return printId(p, PORT, at, bytes, 3, 4);
    case 3:
      if (bytes < 2) return false;
      p.out(`: TTL ${p.u16(at)}s`);
      return true;
    case 4:
      p.out(`: ${p.string(at, bytes)}`);
      return true;
    case 6:
      p.out(`\n\t  ${p.string(at, bytes)}`);
      return true;
    case 7: {
      if (bytes < 4) return false;
      const list = (value: number): string =>
        `[${bits(CAPABILITIES, value) || "none"}] (0x${value.toString(16).padStart(4, "0")})`;
      p.out(`\n\t  System  Capabilities ${list(p.u16(at))}\n\t  Enabled Capabilities ${list(p.u16(at + 2))}`);
      return true;
    }
    case 127: {
      if (bytes < 3) return false;
      const oui = p.u24(at);
      p.out(`: OUI ${OUI_NAMES.get(oui) ?? "Unknown"} (0x${oui.toString(16).padStart(6, "0")})`);
      if (p.verbose === 1) p.hexDump("\n\t  ", at, bytes);
      return true;
    }
    default:
      if (p.verbose === 1) p.hexDump("\n\t  ", at, bytes);
      return true;
  }
}

/** A chassis or port identifier: text, or an address for the two subtypes that are one. */
function printId(
  p: Printer,
  names: readonly string[],
  at: number,
  bytes: number,
  macType: number,
  networkType: number,
): boolean {
  if (bytes < 2) return false;
  const subtype = p.u8(at);
  p.out(`\n\t  Subtype ${names[subtype] ?? "Unknown"} (${subtype}): `);
  if (subtype === macType) {
    if (bytes < 7) return false;
    p.out(p.mac(at + 1));
  } else if (subtype === networkType) {
    if (bytes !== 6 || p.u8(at + 1) !== 1) return false; // IPv4 only
    p.out(`AFI IPv4 (1): ${formatIp(p.u32(at + 2))}`);
  } else if (subtype > 0 && subtype < names.length) p.out(p.string(at + 1, bytes - 1));
  else if (p.verbose === 1) p.hexDump("\n\t  ", at, bytes);
  return true;
}
