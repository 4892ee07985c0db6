import { formatMac } from "../../core/addr.ts";
import { type Nanos, S, US } from "../../core/time.ts";
import * as ethernet from "../../protocols/ethernet/wire.ts";
import { printEthernet, printEtherType, tagText } from "./ether.ts";
import { printIp } from "./ip.ts";
import { printLlc } from "./llc.ts";
import { ETHERTYPE_NAMES } from "./names.ts";
import { CUT, type FormatOptions, Printer, type Printers } from "./printer.ts";
import type { TcpdumpState } from "./state.ts";

/** What a frame begins with: an Ethernet header, or at once the IP header, as on a tunnel. */
export type LinkType = "ethernet" | "raw";

/** Where `-i any` saw a frame: it is then printed without its Ethernet header, as a cooked capture is. */
export interface Origin {
  readonly ifname: string;
  readonly ifindex: number;
  readonly outgoing: boolean;
}

const PRINTERS: Printers = { ethernet: printEthernet, etherType: printEtherType, ip: printIp };

/**
 * A frame in tcpdump 4.99's words, without its time and without a newline behind it. `wireBytes`: its length on the wire
 * when [o, end) is less. Never throws, whatever the bytes.
 */
export function formatFrame(
  b: Uint8Array,
  o: number,
  end: number,
  linkType: LinkType,
  options: FormatOptions,
  state: TcpdumpState,
  wireBytes = end - o,
  origin?: Origin,
): string {
  if (end <= o || wireBytes < end - o) return badLengths(end - o, wireBytes);
  const p = new Printer(b, end, options, state, PRINTERS);
  try {
    if (origin !== undefined) printCooked(p, o, wireBytes, linkType, origin);
    else if (linkType === "ethernet") printEthernet(p, o, wireBytes);
    else printRaw(p, o, wireBytes);
  } catch (e) {
    if (e !== CUT) throw e;
    p.truncated();
  }
  return p.text;
}

/** A record that cannot be one (`print.c:pretty_print_packet`). */
function badLengths(captured: number, wire: number): string {
  const wrong = captured === 0 ? ["caplen==0"] : [];
  if (wire === 0) wrong.push("len==0");
  else if (wire < captured) wrong.push(`len(${wire}) < caplen(${captured})`);
  return `[Invalid header: ${wrong.join(", ")}]`;
}

/** Bare IP (`print-raw.c`). */
function printRaw(p: Printer, o: number, length: number): void {
  p.protocol = "raw";
  if (p.options.link) p.out("ip: ");
  printIp(p, o, length);
}

/** A cooked frame: interface, direction, payload (`print-sll.c:sll2_if_print`). */
function printCooked(p: Printer, o: number, length: number, linkType: LinkType, origin: Origin): void {
  p.protocol = "sll2";
  const raw = linkType === "raw";
  if (!raw) p.need(o, ethernet.HEADER);
  let type = raw ? ethernet.ETHERTYPE_IPV4 : ethernet.etherType(p.b, o);
  let at = raw ? o : o + ethernet.HEADER;
  p.out(`${origin.ifname.padEnd(5)} ${direction(p, o, raw, origin)} `);
  const isLlc = ethernet.isLength(type);
  if (p.options.link) {
    const address = raw ? "" : `${formatMac(ethernet.src(p.b, o))} `;
    const name = isLlc ? "802.2" : `ethertype ${ETHERTYPE_NAMES.get(type) ?? "Unknown"} (0x${hex4(type)})`;
    p.out(`ifindex ${origin.ifindex} ${address}${name}, length ${length - (at - o) + COOKED_HEADER}: `);
  }
  while (type === ethernet.ETHERTYPE_VLAN) {
    if (p.available(at) < 4) {
      p.protocol = "vlan";
      return p.truncated();
    }
    if (p.options.link) p.out(`${tagText(p.u16(at))}, `);
    type = p.u16(at + 2);
    p.out(`ethertype ${ETHERTYPE_NAMES.get(type) ?? "Unknown"}, `);
    at += 4;
  }
  const rest = o + length - at;
  if (ethernet.isLength(type)) {
    const bytes = Math.min(type, rest);
    p.within(at + bytes, () => {
      if (!printLlc(p, at, bytes)) p.dump(at, p.available(at));
    });
    return;
  }
  if (printEtherType(p, type, at, rest)) return;
  if (!p.options.link) p.out(`ethertype ${ETHERTYPE_NAMES.get(type) ?? "Unknown"} (0x${hex4(type)}), length ${rest}: `);
  p.dump(at, p.available(at));
}

/** Octets of the header of a cooked capture, which its lengths include. */
const COOKED_HEADER = 20;
const hex4 = (v: number): string => v.toString(16).padStart(4, "0");

function direction(p: Printer, o: number, raw: boolean, origin: Origin): string {
  if (origin.outgoing) return "Out";
  if (raw || !ethernet.isGroup(p.b, o)) return "In ";
  return ethernet.isBroadcast(p.b, o) ? "B  " : "M  ";
}

/** How `-t` to `-ttttt` show the time. */
export type StampStyle = "clock" | "none" | "seconds" | "delta" | "date" | "since-first";

/** The time of a frame with a space behind it, empty for `none`. The day of simulated time 0 is 1970-01-01. */
export function formatStamp(at: Nanos, style: StampStyle, state: TcpdumpState): string {
  switch (style) {
    case "clock":
      return `${clock(at)} `;
    case "none":
      return "";
    case "seconds":
      return `${Math.floor(at / S)}.${micros(at)} `;
    case "date":
      return `${date(Math.floor(at / DAY))} ${clock(at)} `;
    case "delta":
    case "since-first": {
      const since = at - (state.reference ?? at);
      if (style === "delta" || state.reference === undefined) state.reference = at;
      return ` ${clock(since)} `;
    }
  }
}

const DAY: Nanos = 86_400 * S;
const micros = (t: Nanos): string => String(Math.floor((t % S) / US)).padStart(6, "0");

/** `20:53:30.185766`. */
function clock(t: Nanos): string {
  const seconds = Math.floor(t / S);
  const parts = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  return `${parts.map((n) => String(n).padStart(2, "0")).join(":")}.${micros(t)}`;
}

/** The calendar date so many days after 1970-01-01; simulated time ends long before 1972. */
function date(days: number): string {
  const months = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  let left = days % 365;
  let month = 0;
  while (left >= (months[month] as number)) left -= months[month++] as number;
  return `${1970 + Math.floor(days / 365)}-${String(month + 1).padStart(2, "0")}-${String(left + 1).padStart(2, "0")}`;
}
