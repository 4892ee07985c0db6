import * as ipv4 from "../../protocols/ipv4/wire.ts";
import { pseudo, shouldBe } from "./checksum.ts";
import { printOpenflow } from "./openflow.ts";
import { bits, type Printer } from "./printer.ts";
import { printBgp } from "./routing.ts";
import { printOptions } from "./tcp-options.ts";
import { printHttp } from "./text.ts";

const HEADER = 20;
const FIN = 0x01;
const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;
const URG = 0x20;
const FLAGS = [
  [FIN, "F"],
  [SYN, "S"],
  [RST, "R"],
  [0x08, "P"],
  [ACK, "."],
  [URG, "U"],
  [0x40, "E"],
  [0x80, "W"],
] as const;

const BGP_PORT = 179;
const OPENFLOW_PORTS: readonly number[] = [6633, 6653];
const HTTP_PORTS: readonly number[] = [80, 8080];

/** A TCP segment at `o` inside the IP datagram at `ip` (`print-tcp.c`). */
export function printTcp(p: Printer, ip: number, o: number, length: number): void {
  p.protocol = "tcp";
  const [from, to] = [p.ip(ip + 12), p.ip(ip + 16)];
  if (!p.has(o + 2, 2)) {
    p.out(`${from} > ${to}:`);
    return p.truncated();
  }
  const [sport, dport] = [p.u16(o), p.u16(o + 2)];
  p.out(`${from}.${sport} > ${to}.${dport}: `);
  if (!p.has(o, HEADER)) return p.truncated();
  const header = (p.u8(o + 12) >> 4) << 2;
  if (header < HEADER) {
    return p.out(` tcp ${length - header} [bad hdr length ${header} - too short, < ${HEADER}]`);
  }
  const flags = p.u8(o + 13);
  p.out(`Flags [${bits(FLAGS, flags, "") || "none"}]`);
  const numbers = relative(p, ip, o, flags);
  if (header > length) return p.out(` [bad hdr length ${header} - too long, > ${length}]`);
  if (p.verbose > 0 && !ipv4.moreFragments(p.b, ip) && p.has(o, length)) p.out(sumText(p, ip, o, length));
  const data = length - header;
  if (p.verbose > 1 || data > 0 || (flags & (SYN | FIN | RST)) !== 0) {
    p.out(`, seq ${numbers.seq}${data > 0 ? `:${(numbers.seq + data) >>> 0}` : ""}`);
  }
  if (flags & ACK) p.out(`, ack ${numbers.ack}`);
  p.out(`, win ${p.u16(o + 14)}`);
  if (flags & URG) p.out(`, urg ${p.u16(o + 18)}`);
  if (header > HEADER && !printOptions(p, o + HEADER, header - HEADER, numbers.sackBase)) return;
  p.out(`, length ${data}`);
  if (data > 0) printData(p, o, header, data, sport, dport, flags);
}

interface Numbers {
  readonly seq: number;
  readonly ack: number;
  /** What selective acknowledgements count from. */
  readonly sackBase: number;
}

/** Sequence numbers counted from the beginning of the connection, except in the segments that begin it. */
function relative(p: Printer, ip: number, o: number, flags: number): Numbers {
  const [seq, ack] = [p.u32(o + 4), p.u32(o + 8)];
  if (p.options.absolute || (flags & ACK) === 0) return { seq, ack, sackBase: 0 };
  const [sport, dport] = [p.u16(o), p.u16(o + 2)];
  const [src, dst] = [p.u32(ip + 12), p.u32(ip + 16)];
  const reverse = sport > dport || (sport === dport && src > dst);
  const key = reverse ? `${dst} ${dport} ${src} ${sport}` : `${src} ${sport} ${dst} ${dport}`;
  const known = p.state.find(key);
  if (known === undefined || (flags & SYN) !== 0) {
    const start = reverse ? { ack: seq, seq: (ack - 1) >>> 0 } : { seq, ack: (ack - 1) >>> 0 };
    p.state.remember(key, start);
    return { seq, ack, sackBase: reverse ? start.seq : start.ack };
  }
  const [own, other] = reverse ? [known.ack, known.seq] : [known.seq, known.ack];
  return { seq: (seq - own) >>> 0, ack: (ack - other) >>> 0, sackBase: other };
}

function sumText(p: Printer, ip: number, o: number, length: number): string {
  const hex = (v: number): string => v.toString(16).padStart(4, "0");
  const found = p.u16(o + 16);
  const sum = p.checksum(o, length, pseudo(p, ip, ipv4.IPPROTO_TCP, length));
  return `, cksum 0x${hex(found)} ${sum === 0 ? "(correct)" : `(incorrect -> 0x${hex(shouldBe(found, sum))})`}`;
}

/** The data, where its port has a printer. */
function printData(
  p: Printer,
  o: number,
  header: number,
  length: number,
  sport: number,
  dport: number,
  flags: number,
): void {
  if (!p.has(o, header)) p.out(` [remaining caplen(${p.available(o)}) < header length(${header})]`);
  p.need(o, header);
  const data = o + header;
  if ((flags & RST) !== 0 && p.verbose > 0) return printResetData(p, data, length);
  if (sport === BGP_PORT || dport === BGP_PORT) printBgp(p, data);
  else if (OPENFLOW_PORTS.includes(sport) || OPENFLOW_PORTS.includes(dport)) printOpenflow(p, data, length);
  else if (HTTP_PORTS.includes(sport) || HTTP_PORTS.includes(dport)) {
    p.out(": ");
    printHttp(p, data, length);
  }
}

const RESET_DATA_MAX = 30;

/** A reset may say why in words (RFC 9293 §3.5.3). */
function printResetData(p: Printer, o: number, length: number): void {
  p.out(` [${p.has(o, length) ? "" : "!"}RST${length > RESET_DATA_MAX ? "+" : ""} `);
  const end = Math.min(o + Math.min(length, RESET_DATA_MAX), p.end);
  for (let at = o; at < end; at++) p.out(p.u8(at) === 0 ? "^@" : p.string(at, 1));
  p.out("]");
}
