import type { Printer } from "./printer.ts";

const EOL = 0;
const NOP = 1;
const NAMES: ReadonlyMap<number, string> = new Map([
  [EOL, "eol"],
  [NOP, "nop"],
  [2, "mss"],
  [3, "wscale"],
  [4, "sackOK"],
  [5, "sack"],
  [6, "echo"],
  [7, "echoreply"],
  [8, "TS"],
  [11, "cc"],
  [12, "ccnew"],
  [13, ""],
  [19, "md5"],
  [20, "scps"],
  [28, "uto"],
  [29, "tcp-ao"],
  [30, "mptcp"],
  [34, "tfo"],
  [254, "exp"],
]);

/** `, options [mss 1460,nop,…]` of [o, o + bytes); false when tcpdump gives up on the segment there. */
export function printOptions(p: Printer, o: number, bytes: number, sackBase: number): boolean {
  p.out(", options [");
  let at = o;
  let left = bytes;
  let separator = "";
  while (left > 0) {
    p.out(separator);
    const kind = p.u8(at++);
    let length = 1;
    left--;
    if (kind !== EOL && kind !== NOP) {
      length = p.u8(at++);
      if (length < 2 || length > left + 1) return bad(p, separator);
      left--;
    }
    p.out(NAMES.get(kind) ?? `unknown-${kind}`);
    const data = kind === EOL || kind === NOP ? 0 : dataLength(kind, length);
    if (data > left) return bad(p, separator);
    if (!p.has(at, data)) {
      p.truncated();
      if (separator !== "") p.out(">");
      return false;
    }
    if (!printValue(p, kind, at, data, sackBase)) return bad(p, separator);
    at += data;
    left -= data;
    const total = data + (kind === EOL || kind === NOP ? 1 : 2);
    if (total !== length) p.out(`[len ${length}]`);
    separator = ",";
    if (kind === EOL) break;
  }
  p.out("]");
  return true;
}

function bad(p: Printer, separator: string): false {
  p.out(separator === "" ? "[bad opt]" : "[bad opt]]");
  return false;
}

/** Octets that tcpdump reads of an option's value, whatever its length says. */
function dataLength(kind: number, length: number): number {
  const fixed = FIXED[kind];
  return fixed ?? length - 2;
}
const FIXED: Readonly<Record<number, number>> = {
  2: 2,
  3: 1,
  4: 0,
  6: 4,
  7: 4,
  8: 8,
  11: 4,
  12: 4,
  13: 4,
  19: 16,
  20: 2,
  28: 2,
};

/** False for a value that makes no sense. */
function printValue(p: Printer, kind: number, at: number, bytes: number, sackBase: number): boolean {
  switch (kind) {
    case EOL:
    case NOP:
    case 4:
      return true;
    case 2:
      p.out(` ${p.u16(at)}`);
      return true;
    case 3:
      p.out(` ${p.u8(at)}`);
      return true;
    case 5:
      printSack(p, at, bytes, sackBase);
      return true;
    case 8:
      p.out(` val ${p.u32(at)} ecr ${p.u32(at + 4)}`);
      return true;
    case 6:
    case 7:
    case 11:
    case 12:
    case 13:
      p.out(` ${p.u32(at)}`);
      return true;
    case 19:
      p.out(` shared secret not supplied with -M, can't check - ${p.hex(at, 16)}`); // tcpdump's words; there is no -M here
      return true;
    case 20:
      p.out(` cap ${p.hex(at, 1)} id ${p.u8(at + 1)}`);
      return true;
    case 28: {
      const value = p.u16(at);
      p.out(` 0x${value.toString(16)} ${value & 1 ? (value >> 1) * 60 : value >> 1}`);
      return true;
    }
    case 29:
      if (bytes < 2) p.invalid();
      else {
        p.out(` keyid ${p.u8(at)} rnextkeyid ${p.u8(at + 1)}`);
        if (bytes > 2) p.out(` mac 0x${p.hex(at + 2, bytes - 2)}`);
      }
      return true;
    case 34:
      p.out(" ");
      printFastOpen(p, at, bytes);
      return true;
    case 254:
      if (bytes < 2) return false;
      p.out("-");
      if (p.u16(at) === 0xf989) {
        p.out("tfo");
        printFastOpen(p, at + 2, bytes - 2);
      } else p.out(p.hex(at, 2));
      return true;
    default:
      if (bytes > 0) p.out(` 0x${p.hex(at, bytes)}`);
      return true;
  }
}

function printSack(p: Printer, at: number, bytes: number, base: number): void {
  if (bytes % 8 !== 0) return p.out(" invalid sack");
  p.out(` ${bytes / 8} `);
  for (let i = 0; i < bytes; i += 8) p.out(`{${(p.u32(at + i) - base) >>> 0}:${(p.u32(at + i + 4) - base) >>> 0}}`);
}

/** A Fast Open cookie, or the request for one (RFC 7413 §4.1.1). */
function printFastOpen(p: Printer, at: number, bytes: number): void {
  if (bytes === 0) p.out(" cookiereq");
  else if (bytes % 2 !== 0 || bytes < 4 || bytes > 16) p.invalid();
  else p.out(` cookie ${p.hex(at, bytes)}`);
}
