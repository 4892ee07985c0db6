import { formatIp, formatMac } from "../../core/addr.ts";
import { hex, u8, u16, u24, u32, u48 } from "../../core/bytes.ts";
import { complement16, sum16 } from "../../core/checksum.ts";
import type { TcpdumpState } from "./state.ts";

/** How much is printed. */
export interface FormatOptions {
  /** `-e`: the link header. */
  readonly link: boolean;
  /** `-v`, `-vv`, `-vvv`. */
  readonly verbose: number;
  /** `-S`: TCP sequence numbers as they are. */
  readonly absolute: boolean;
}

/** Printers that call one another in circles (a frame in a tunnel in a frame) find each other here. */
export interface Printers {
  /** An Ethernet frame at `o`, `length` octets long on the wire. */
  ethernet(p: Printer, o: number, length: number): void;
  /** What follows an EtherType; false when the type is unknown, and nothing has been printed. */
  etherType(p: Printer, type: number, o: number, length: number, macs?: MacPair): boolean;
  ip(p: Printer, o: number, length: number): void;
}

/** The addresses of the frame around an LLC header. */
export interface MacPair {
  readonly src: number;
  readonly dst: number;
}

/** Thrown where octets are needed that were not captured; `formatFrame` turns it into tcpdump's ` [|proto]`. */
export const CUT = new Error("the frame is cut short");

/** Text in the making, and the octets that it is made of: tcpdump's `netdissect_options` with its checked reads. */
export class Printer {
  text = "";
  /** What a cut frame is said to be cut in. */
  protocol = "";
  /** Octets from here on were not captured, or belong to something else. */
  end: number;
  readonly b: Uint8Array;
  readonly options: FormatOptions;
  readonly state: TcpdumpState;
  readonly to: Printers;

  constructor(b: Uint8Array, end: number, options: FormatOptions, state: TcpdumpState, to: Printers) {
    this.b = b;
    this.end = end;
    this.options = options;
    this.state = state;
    this.to = to;
  }

  get verbose(): number {
    return this.options.verbose;
  }

  out(text: string): void {
    this.text += text;
  }
  /** ` [|proto]`: there is less than there should be. */
  truncated(): void {
    this.text += ` [|${this.protocol}]`;
  }
  /** ` (invalid)`. */
  invalid(): void {
    this.text += " (invalid)";
  }

  has(o: number, bytes: number): boolean {
    return o + bytes <= this.end;
  }
  /** Octets from `o` on that were captured. */
  available(o: number): number {
    return Math.max(0, this.end - o);
  }
  /** Throws `CUT` unless `bytes` octets are there. */
  need(o: number, bytes: number): void {
    if (o + bytes > this.end) throw CUT;
  }
  u8(o: number): number {
    this.need(o, 1);
    return u8(this.b, o);
  }
  u16(o: number): number {
    this.need(o, 2);
    return u16(this.b, o);
  }
  u24(o: number): number {
    this.need(o, 3);
    return u24(this.b, o);
  }
  u32(o: number): number {
    this.need(o, 4);
    return u32(this.b, o);
  }
  u48(o: number): number {
    this.need(o, 6);
    return u48(this.b, o);
  }
  /** Dotted quad. */
  ip(o: number): string {
    return formatIp(this.u32(o));
  }
  mac(o: number): string {
    return formatMac(this.u48(o));
  }
  hex(o: number, bytes: number, separator = ""): string {
    this.need(o, bytes);
    return hex(this.b, o, o + bytes, separator);
  }

  /** Runs `print` with nothing visible behind `end`. */
  within(end: number, print: () => void): void {
    const before = this.end;
    this.end = Math.min(end, before);
    print();
    this.end = before;
  }

  /** The checksum over [o, o + bytes) with `extra` added to the sum: 0 when the one inside is right. */
  checksum(o: number, bytes: number, extra = 0): number {
    return complement16(sum16(this.b, o, o + bytes) + extra);
  }

  /** Text as `fn_print_char` shows it, up to a zero octet. */
  string(o: number, bytes: number): string {
    let text = "";
    for (let i = o; i < o + bytes; i++) {
      const c = this.u8(i);
      if (c === 0) break;
      text += visible(c);
    }
    return text;
  }

  /** Hexadecimal and ASCII side by side: what is printed of an unknown payload. */
  dump(o: number, bytes: number): void {
    const end = Math.min(o + bytes, this.end);
    for (let at = o; at < end; at += 16) {
      const row = Math.min(16, end - at);
      const ascii = Array.from({ length: row }, (_, i) => graph(u8(this.b, at + i))).join("");
      this.out(`\n\t0x${offset(at - o)}: ${pairs(this.b, at, at + row).padEnd(40)}  ${ascii}`);
    }
    if (end < o + bytes) throw CUT;
  }

  /** Hexadecimal only, each line behind `indent`. */
  hexDump(indent: string, o: number, bytes: number): void {
    const end = Math.min(o + bytes, this.end);
    for (let at = o; at < end; at += 16)
      this.out(`${indent}0x${offset(at - o)}: ${pairs(this.b, at, Math.min(at + 16, end))}`);
  }
}

const offset = (bytes: number): string => bytes.toString(16).padStart(4, "0");
const graph = (c: number): string => (c > 0x20 && c < 0x7f ? String.fromCharCode(c) : ".");

/** ` 4500 0054 …`. */
function pairs(b: Uint8Array, o: number, end: number): string {
  let text = "";
  for (let i = o; i < end; i += 2) text += ` ${hex(b, i, Math.min(i + 2, end), "")}`;
  return text;
}

/** One octet, with `M-` for the high bit and `^` for a control character. */
function visible(c: number): string {
  const low = c & 0x7f;
  const control = low < 0x20 || low === 0x7f;
  return `${c > 0x7f ? "M-" : ""}${control ? "^" : ""}${String.fromCharCode(control ? low ^ 0x40 : low)}`;
}

/** The names of the bits that are set in `value`, joined; `none` when there is none. */
export function bits(
  names: readonly (readonly [bit: number, name: string])[],
  value: number,
  separator = ", ",
): string {
  return names
    .filter(([bit]) => (value & bit) === bit)
    .map(([, name]) => name)
    .join(separator);
}
