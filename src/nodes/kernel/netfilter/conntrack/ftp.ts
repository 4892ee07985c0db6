import { formatIp, type Ipv4, parseIp } from "../../../../core/addr.ts";
import { dropReason } from "../../../../core/drop.ts";
import { IPPROTO_TCP } from "../../../../protocols/ipv4/wire.ts";
import { dataOffset, seq as seqOf, HEADER as TCP_HEADER } from "../../../../protocols/tcp/wire.ts";
import { type HookState, NF_ACCEPT } from "../state.ts";
import type { Conntrack } from "./conntrack.ts";
import {
  CT_ESTABLISHED,
  CT_ESTABLISHED_REPLY,
  CT_INFO,
  DIR_ORIGINAL,
  FLOW_SHIFT,
  IPS_NAT_MASK,
  T_DST,
  T_SRC,
  TUPLE_WORDS,
  W_STATUS,
} from "./flow.ts";
import type { Helper, HelperState } from "./helper.ts";
import { replacePayload } from "./payload.ts";
import { Tuple } from "./tuple.ts";

const CANNOT_FOLLOW = dropReason("conntrack: helper cannot follow");

/** The FTP helper (net/netfilter/nf_conntrack_ftp.c, nf_nat_ftp.c): data connections that PORT, EPRT, PASV and EPSV announce. */
export const ftp: Helper = {
  name: "ftp",
  protocol: IPPROTO_TCP,
  policy: { max: 1, timeoutS: 300 },
  begin: () => new FtpState(),
};

/** What a command or an answer says, and where in the payload the numbers stand. */
interface Announcement {
  readonly style: "port" | "eprt" | "epsv";
  /** 0 where only a port is told. */
  readonly address: Ipv4;
  readonly port: number;
  readonly at: number;
  readonly length: number;
}
/** It begins like one, but is cut or malformed. */
const PARTIAL = "partial";

/** Line ends remembered for each direction (NUM_SEQ_TO_REMEMBER). */
const LINES_MAX = 2;

class FtpState implements HelperState {
  readonly helper = ftp;
  /** Sequence numbers at which a line begins: commands are looked for there only. */
  readonly #lines: readonly [number[], number[]] = [[], []];

  help(ct: Conntrack, slot: number, dir: number, s: HookState): number {
    const { p, transport: at } = s;
    const info = p.nfctInfo & CT_INFO;
    if ((info !== CT_ESTABLISHED && info !== CT_ESTABLISHED_REPLY) || p.end - at < TCP_HEADER) return NF_ACCEPT;
    const data = at + dataOffset(p.buf, at);
    if (data >= p.end) return NF_ACCEPT;
    const begin = seqOf(p.buf, at) | 0;
    const ends = p.buf[p.end - 1] === 0x0a;
    let next = (begin + p.end - data) | 0;
    if (this.#lines[dir as 0 | 1].includes(begin)) {
      const found = announcement(text(p.buf, data, p.end), dir === DIR_ORIGINAL);
      if (found === PARTIAL) return s.refuse(CANNOT_FOLLOW, "ftp");
      if (found !== undefined) {
        const longer = this.#expect(ct, slot, dir, s, found);
        if (longer === undefined) return s.refuse(CANNOT_FOLLOW, "ftp");
        next = (next + longer) | 0;
      }
    }
    if (ends) this.#remember(dir, next);
    return NF_ACCEPT;
  }

  /** Announces the data connection, and says the translated address. How many octets longer the packet is; undefined: refused. */
  #expect(ct: Conntrack, slot: number, dir: number, s: HookState, a: Announcement): number | undefined {
    const { words: w } = ct.table;
    const mine = (slot << FLOW_SHIFT) + TUPLE_WORDS * dir;
    const theirs = (slot << FLOW_SHIFT) + TUPLE_WORDS * (1 - dir);
    // An address that is not the sender's own would open a way to somebody else.
    if (a.address !== 0 && a.address !== (w[mine + T_SRC] as number) >>> 0) return 0;
    const destination = (w[theirs + T_DST] as number) >>> 0;
    const translated = ((w[(slot << FLOW_SHIFT) + W_STATUS] as number) & IPS_NAT_MASK) !== 0;
    const base = { master: slot, helper: ftp.name, savedPort: a.port, dir: 1 - dir, follow: translated };
    for (let port = a.port; port <= 65_535; port++) {
      const tuple = new Tuple();
      tuple.set(w[theirs + T_SRC] as number, destination, port, IPPROTO_TCP);
      const refusal = ct.expectations.add({ ...base, tuple }, ftp.policy);
      if (refusal === "EBUSY" && translated) continue;
      if (refusal !== "") return undefined;
      if (!translated) return 0;
      return replacePayload(ct, slot, dir, s, a.at, a.length, spell(a.style, destination, port));
    }
    return undefined;
  }

  #remember(dir: number, seq: number): void {
    const lines = this.#lines[dir as 0 | 1];
    if (lines.includes(seq)) return;
    lines.push(seq);
    if (lines.length > LINES_MAX) lines.shift();
  }
}

/** What a line announces; undefined when it is about something else. */
function announcement(line: string, command: boolean): Announcement | typeof PARTIAL | undefined {
  for (const word of command ? ["PORT", "EPRT"] : ["227 ", "229 "]) {
    const head = line.slice(0, word.length).toUpperCase();
    if (line.length <= word.length ? !word.startsWith(head) : head !== word) continue;
    return read(line, word) ?? PARTIAL;
  }
  return undefined;
}

const COMMA_NUMBERS = /^(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})/;
const EXTENDED = /^([!-/:-~])1\1(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\1(\d{1,5})\1/;
const EXTENDED_PASSIVE = /^([!-/:-~])\1\1(\d{1,5})\1/;

function read(line: string, word: string): Announcement | undefined {
  const at = word === "227 " ? line.search(/\d+,\d+,\d+,\d+,\d+,\d+/) : line.indexOf(word === "229 " ? "(" : " ") + 1;
  if (at <= 0) return undefined;
  const rest = line.slice(at);
  if (word === "PORT" || word === "227 ") {
    const m = COMMA_NUMBERS.exec(rest);
    const n = m?.slice(1).map(Number) ?? [];
    if (m === null || n.some((octet) => octet > 255)) return undefined;
    const [a, b, c, d, high, low] = n as [number, number, number, number, number, number];
    const address = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    return sound({ style: "port", address, port: high * 256 + low, at, length: m[0].length });
  }
  if (word === "EPRT") {
    const m = EXTENDED.exec(rest);
    const address = parseIp(m?.[2] ?? "");
    if (m === null || address === undefined) return undefined;
    return sound({ style: "eprt", address, port: Number(m[3]), at, length: m[0].length });
  }
  const m = EXTENDED_PASSIVE.exec(rest);
  return m === null ? undefined : sound({ style: "epsv", address: 0, port: Number(m[2]), at, length: m[0].length });
}

const sound = (a: Announcement): Announcement | undefined => (a.port >= 1 && a.port <= 65_535 ? a : undefined);

/** net/netfilter/nf_nat_ftp.c:nf_nat_ftp_fmt_cmd. */
function spell(style: Announcement["style"], address: Ipv4, port: number): string {
  if (style === "eprt") return `|1|${formatIp(address)}|${port}|`;
  if (style === "epsv") return `|||${port}|`;
  return `${formatIp(address).replaceAll(".", ",")},${port >> 8},${port & 255}`;
}

function text(b: Uint8Array, from: number, end: number): string {
  let line = "";
  for (let i = from; i < end; i++) line += String.fromCharCode(b[i] as number);
  return line;
}
