import { formatIp } from "../../core/addr.ts";
import * as icmp from "../../protocols/icmp/wire.ts";
import * as ipv4 from "../../protocols/ipv4/wire.ts";
import { shouldBe } from "./checksum.ts";
import type { Printer } from "./printer.ts";

/** An ICMP message at `o` inside the datagram at `ip` (`print-icmp.c`). RFC 4884 extensions are not printed. */
export function printIcmp(p: Printer, ip: number, o: number, length: number): void {
  p.protocol = "icmp";
  const type = p.u8(o);
  const text = describe(p, o, type, p.u8(o + 1));
  if (text === undefined) return p.truncated();
  p.out(`ICMP ${text}, length ${length}`);
  if (p.verbose === 0) return;
  if (!ipv4.moreFragments(p.b, ip) && p.has(o, length)) {
    const sum = p.checksum(o, length);
    const found = icmp.checksum(p.b, o);
    if (sum !== 0) p.out(` (wrong icmp cksum ${found.toString(16)} (->${shouldBe(found, sum).toString(16)})!)`);
  }
  if (!icmp.isError(type)) return;
  p.out("\n\t");
  const quote = o + icmp.HEADER;
  const total = p.u16(quote + 2);
  p.within(quote + total, () => p.to.ip(p, quote, total));
}

/** What the message says; `undefined` where even that is cut off. */
function describe(p: Printer, o: number, type: number, code: number): string | undefined {
  switch (type) {
    case icmp.ICMP_ECHO:
    case icmp.ICMP_ECHOREPLY:
      return `echo ${type === icmp.ICMP_ECHO ? "request" : "reply"}, id ${p.u16(o + 4)}, seq ${p.u16(o + 6)}`;
    case icmp.ICMP_DEST_UNREACH:
      return unreachable(p, o, code);
    case icmp.ICMP_REDIRECT: {
      const [to, gateway] = [p.ip(o + 24), formatIp(p.u32(o + 4))];
      const tos = code === icmp.ICMP_REDIR_NETTOS || code === icmp.ICMP_REDIR_HOSTTOS ? "-tos" : "";
      if (code > icmp.ICMP_REDIR_HOSTTOS) return `redirect-#${code} ${to} to ${gateway}`;
      return `redirect${tos} ${to} to ${code % 2 === 0 ? "net" : "host"} ${gateway}`;
    }
    case icmp.ICMP_ROUTER_ADVERTISEMENT:
      return advertisement(p, o);
    case icmp.ICMP_TIME_EXCEEDED:
      if (!p.has(o + 24, 4)) return undefined;
      if (code === icmp.ICMP_EXC_TTL) return "time exceeded in-transit";
      return code === icmp.ICMP_EXC_FRAGTIME ? "ip reassembly time exceeded" : `time exceeded-#${code}`;
    case icmp.ICMP_PARAMETERPROB:
      return `parameter problem - ${code > 0 ? `code ${code}` : `octet ${p.u8(o + 4)}`}`;
    case icmp.ICMP_ADDRESSREPLY:
      return `address mask is 0x${p
        .u32(o + 8)
        .toString(16)
        .padStart(8, "0")}`;
    case icmp.ICMP_TIMESTAMP:
      return `time stamp query id ${p.u16(o + 4)} seq ${p.u16(o + 6)}`;
    case icmp.ICMP_TIMESTAMPREPLY: {
      if (!p.has(o + 16, 4)) return undefined;
      const [org, recv, xmit] = [o + 8, o + 12, o + 16].map((at) => clock(p.u32(at)));
      return `time stamp reply id ${p.u16(o + 4)} seq ${p.u16(o + 6)}: org ${org}, recv ${recv}, xmit ${xmit}`;
    }
    default:
      return OTHERS[type] ?? `type-#${type}`;
  }
}

const OTHERS: Readonly<Record<number, string>> = {
  [icmp.ICMP_SOURCE_QUENCH]: "source quench",
  [icmp.ICMP_ROUTER_SOLICITATION]: "router solicitation",
  [icmp.ICMP_INFO_REQUEST]: "information request",
  [icmp.ICMP_INFO_REPLY]: "information reply",
  [icmp.ICMP_ADDRESS]: "address mask request",
};

/** Words around the destination: before, behind. */
const UNREACHABLE: readonly (readonly [string, string])[] = [
  ["net ", " unreachable"],
  ["host ", " unreachable"],
  ["", ""], // protocol
  ["", ""], // port
  ["", " unreachable - need to frag"],
  ["", " unreachable - source route failed"],
  ["net ", " unreachable - unknown"],
  ["host ", " unreachable - unknown"],
  ["", " unreachable - source host isolated"],
  ["net ", " unreachable - admin prohibited"],
  ["host ", " unreachable - admin prohibited"],
  ["net ", " unreachable - tos prohibited"],
  ["host ", " unreachable - tos prohibited"],
  ["host ", " unreachable - admin prohibited filter"],
  ["host ", " unreachable - host precedence violation"],
  ["host ", " unreachable - precedence cutoff"],
];

function unreachable(p: Printer, o: number, code: number): string | undefined {
  const quote = o + icmp.HEADER;
  if (code === icmp.ICMP_PORT_UNREACH) {
    if (!p.has(quote + 9, 1)) return undefined;
    const port = p.u16(quote + ((p.u8(quote) & 15) << 2) + 2);
    const protocol = p.u8(quote + 9);
    const name = protocol === ipv4.IPPROTO_TCP ? "tcp" : protocol === ipv4.IPPROTO_UDP ? "udp" : `protocol ${protocol}`;
    return `${p.ip(quote + 16)} ${name} port ${port} unreachable`;
  }
  const to = p.ip(quote + 16);
  if (code === icmp.ICMP_PROT_UNREACH) return `${to} protocol ${p.u8(quote + 9)} unreachable`;
  const [before, behind] = UNREACHABLE[code] ?? ["", ` unreachable - #${code}`];
  const mtu = code === icmp.ICMP_FRAG_NEEDED && p.u16(o + 6) > 0 ? ` (mtu ${p.u16(o + 6)})` : "";
  return `${before}${to}${behind}${mtu}`;
}

/** A router advertisement (RFC 1256 §3). */
function advertisement(p: Printer, o: number): string {
  const [count, size, lifetime] = [p.u8(o + 4), p.u8(o + 5), p.u16(o + 6)];
  const [h, m, s] = [Math.floor(lifetime / 3600), Math.floor(lifetime / 60) % 60, lifetime % 60].map(String);
  const two = (v: string | undefined): string => (v ?? "").padStart(2, "0");
  const time = lifetime < 60 ? s : lifetime < 3600 ? `${m}:${two(s)}` : `${h}:${two(m)}:${two(s)}`;
  const head = `router advertisement lifetime ${time} ${count}:`;
  if (size !== 2) return `${head} [size ${size}]`;
  let routers = "";
  for (let i = 0; i < count; i++) routers += ` {${p.ip(o + 8 + 8 * i)} ${p.u32(o + 12 + 8 * i)}}`;
  return head + routers;
}

/** Milliseconds since midnight as a time of day. */
function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${parts.map((n) => String(n).padStart(2, "0")).join(":")}.${String(ms % 1000).padStart(3, "0")}`;
}
