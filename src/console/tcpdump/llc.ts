import { formatMac } from "../../core/addr.ts";
import { LLC_UI, SAP_SNAP, SAP_STP } from "../../protocols/ethernet/wire.ts";
import { ETHERTYPE_NAMES, OUI_NAMES, SAP_NAMES } from "./names.ts";
import type { MacPair, Printer } from "./printer.ts";
import { printStp } from "./stp.ts";

const SAP_IP = 0x06;
const XID = 0xaf;
const RESPONSE = 1;
const OUI_ETHERNET = 0x000000;
const OUI_CISCO = 0x00000c;
const OUI_CISCO_BRIDGED = 0x0000f8;
const OUI_BRIDGED = 0x0080c2;

const hex2 = (v: number): string => v.toString(16).padStart(2, "0");
const hex4 = (v: number): string => v.toString(16).padStart(4, "0");

/** An 802.2 header and what follows it (`print-llc.c:llc_print`); false when the payload is unknown and shall be dumped. */
export function printLlc(p: Printer, o: number, length: number, macs?: MacPair): boolean {
  p.protocol = "llc";
  if (length < 3 || p.available(o) < 3) {
    p.truncated();
    p.dump(o, p.available(o));
    return true;
  }
  const [dsapField, ssapField] = [p.u8(o), p.u8(o + 1)];
  const unnumbered = (p.u8(o + 2) & 3) === 3;
  const header = unnumbered ? 3 : 4;
  if (length < header || p.available(o) < header) {
    p.truncated();
    p.dump(o, p.available(o));
    return true;
  }
  const control = unnumbered ? p.u8(o + 2) : p.u8(o + 2) | (p.u8(o + 3) << 8);
  const dsap = dsapField & 0xfe;
  const ssap = ssapField & 0xfe;
  if (p.options.link) {
    const name = (sap: number): string => `${SAP_NAMES.get(sap) ?? "Unknown"} (0x${hex2(sap)})`;
    p.out(`LLC, dsap ${name(dsap)} ${dsapField & 1 ? "Group" : "Individual"}, `);
    p.out(`ssap ${name(ssap)} ${ssapField & 1 ? "Response" : "Command"}, `);
    p.out(`ctrl 0x${unnumbered ? hex2(control) : hex4(control)}: `);
  }
  const at = o + header;
  const rest = length - header;
  if (ssap === dsap && control === LLC_UI) {
    if (ssap === SAP_SNAP) return printSnap(p, at, rest, macs);
    if (ssap === SAP_STP) {
      printStp(p, at, rest);
      return true;
    }
    if (ssap === SAP_IP) {
      p.to.ip(p, at, rest);
      return true;
    }
  }
  if (!p.options.link) p.out(stations(ssap, dsap, macs));
  return printControl(p, at, length, header, control, ssapField, unnumbered);
}

function stations(ssap: number, dsap: number, macs?: MacPair): string {
  const to = SAP_NAMES.get(dsap) ?? `Unknown DSAP 0x${hex2(dsap)}`;
  const from = ssap === dsap ? "" : (SAP_NAMES.get(ssap) ?? `Unknown SSAP 0x${hex2(ssap)}`);
  if (macs === undefined) return from === "" ? `${to} ` : `${from} > ${to} `;
  return `${formatMac(macs.src)}${from === "" ? "" : ` ${from}`} > ${formatMac(macs.dst)} ${to} `;
}

const COMMANDS: Readonly<Record<number, string>> = {
  3: "ui",
  227: "test",
  175: "xid",
  99: "ua",
  67: "disc",
  15: "dm",
  111: "sabme",
  135: "frmr",
};
const SUPERVISORY = ["Receiver Ready", "Receiver not Ready", "Reject", "?"];

/** The control field (IEEE 802.2 §5.4); the payload is left to be dumped unless there is none. */
function printControl(
  p: Printer,
  at: number,
  length: number,
  header: number,
  control: number,
  ssapField: number,
  unnumbered: boolean,
): boolean {
  const response = ssapField & RESPONSE;
  const poll = control & (unnumbered ? 0x10 : 0x100);
  const flags = poll ? (response ? "Final" : "Poll") : response ? "Response" : "Command";
  const tail = `Flags [${flags}], length ${length}`;
  if (!unnumbered) {
    const nr = (control >> 9) & 0x7f;
    if (control & 1) p.out(`Supervisory, ${SUPERVISORY[(control >> 2) & 3]}, rcv seq ${nr}, ${tail}`);
    else p.out(`Information, send seq ${(control >> 1) & 0x7f}, rcv seq ${nr}, ${tail}`);
    return (control & 1) === 1;
  }
  const command = control & 0xef;
  p.out(`Unnumbered, ${COMMANDS[command] ?? hex2(command)}, ${tail}`);
  if (command !== XID || length === header) return command === XID;
  if (p.u8(at) !== 0x81) return false;
  if (p.available(at) < 3) p.truncated();
  else p.out(`: ${hex2(p.u8(at + 1))} ${hex2(p.u8(at + 2))}`);
  return true;
}

const CISCO_PIDS: ReadonlyMap<number, string> = new Map([
  [0x2000, "CDP"],
  [0x2003, "VTP"],
  [0x2004, "DTP"],
  [0x0111, "UDLD"],
  [0x010b, "PVST"],
  [0x010c, "VLAN Bridge"],
]);
const NO_PIDS: ReadonlyMap<number, string> = new Map();

/** A SNAP header (RFC 1042) and what follows it. */
function printSnap(p: Printer, o: number, length: number, macs?: MacPair): boolean {
  p.protocol = "snap";
  if (length < 5 || p.available(o) < 5) {
    p.truncated();
    return true;
  }
  const [oui, pid] = [p.u24(o), p.u16(o + 3)];
  const names = oui === OUI_CISCO ? CISCO_PIDS : oui === OUI_BRIDGED ? NO_PIDS : ETHERTYPE_NAMES;
  const name = `${names.get(pid) ?? "Unknown"} (0x${hex4(pid)})`;
  const organization = `oui ${OUI_NAMES.get(oui) ?? "Unknown"} (0x${oui.toString(16).padStart(6, "0")})`;
  if (p.options.link)
    p.out(`${organization}, ${oui === OUI_ETHERNET ? "ethertype" : "pid"} ${name}, length ${length - 5}: `);
  const at = o + 5;
  const rest = length - 5;
  if (oui === OUI_ETHERNET || oui === OUI_CISCO_BRIDGED) {
    if (p.to.etherType(p, pid, at, rest, macs)) return true;
  } else if (oui === OUI_CISCO && (pid === 0x010b || pid === 0x010c)) {
    printStp(p, at, rest);
    return true;
  }
  if (!p.options.link) {
    if (macs !== undefined) p.out(`${formatMac(macs.src)} > ${formatMac(macs.dst)} `);
    p.out(oui === OUI_ETHERNET ? `SNAP, ethertype ${name}` : `SNAP, ${organization}, pid ${name}`);
    p.out(`, length ${rest}: `);
  }
  return false;
}
