import { readdirSync } from "node:fs";
import { parseIp } from "../../src/core/addr.ts";
import { type Captured, captured, type Layer } from "./captures.ts";
import { sharedPath } from "./shared.ts";

/** Headers in the golden captures, found without the project's codecs: each with its place and tshark's reading of it. */

/** A header in a frame. `end` is where its data ends in the capture, `wireEnd` where it ended on the wire. */
export interface Found {
  /** `arp/sanders-arp_resolution.pcapng 2`, to find a failure again. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly end: number;
  readonly wireEnd: number;
  readonly want: Layer;
  /** Addresses of the IPv4 datagram around it, as tshark reads them: the end of a source route; 0 where there is none. */
  readonly src: number;
  readonly dst: number;
}

/** Folders of captures that hold no damaged headers up to UDP, TCP and ICMP. */
export const CLEAN: readonly string[] = [
  ...["arp", "bgp", "carp", "dhcp", "ethernet", "geneve", "gre", "icmp", "ipv4", "l2tpv3", "lldp"],
  ...["nvgre", "openflow", "ospf", "rtp", "sip", "stp", "tcp", "udp", "vlan", "vrrp", "vxlan"],
];

/** The headers that tshark calls `p` in the captures of `folders`: the outermost ones, from Ethernet to UDP, TCP and ICMP. */
export const find = (p: string, ...folders: readonly string[]): Found[] =>
  folders.flatMap(headers).filter((h) => h.want.p === p);

/** The bytes of every frame of `folders`. */
export const frames = (...folders: readonly string[]): Uint8Array[] =>
  folders.flatMap((folder) => files(folder).flatMap((name) => captured(name).map((f) => f.bytes)));

/** The captures of a folder: `arp/sanders-arp_resolution.pcapng`. */
export const files = (folder: string): string[] =>
  readdirSync(sharedPath("corpora", "pcaps", folder))
    .filter((n) => /\.pcap(ng)?$/.test(n))
    .sort()
    .map((n) => `${folder}/${n}`);

const headers = (folder: string): Found[] =>
  files(folder).flatMap((name) => captured(name).flatMap((f) => walk(`${name} ${f.n}`, f)));

const TAGS: Readonly<Record<number, string>> = { 33024: "vlan", 34984: "ieee8021ad" };
const TRANSPORTS: Readonly<Record<number, string>> = { 1: "icmp", 6: "tcp", 17: "udp" };

/** The headers of a frame as far as their order agrees with tshark's; IP fragments end the walk. */
function walk(name: string, frame: Captured): Found[] {
  const { bytes, layers } = frame;
  const v = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out: Found[] = [];
  const put = (p: string, at: number, wireEnd: number, src = 0, dst = 0): void => {
    const want = layers[out.length];
    const end = Math.min(wireEnd, bytes.length);
    if (want?.p === p) out.push({ name, bytes, at, end, wireEnd, want, src, dst });
  };
  let at = 0;
  let type = 0x0800;
  if (layers[0]?.p === "eth") {
    put("eth", 0, bytes.length);
    type = v.getUint16(12);
    for (at = 14; TAGS[type] !== undefined; at += 4) {
      put(TAGS[type] as string, at, bytes.length);
      type = v.getUint16(at + 2);
    }
  }
  if (type <= 1500) put("llc", at, at + type);
  if (type === 0x0806) put("arp", at, bytes.length);
  if (type !== 0x0800 || layers[out.length]?.p !== "ip") return out;
  const ipEnd = at + v.getUint16(at + 2);
  put("ip", at, ipEnd);
  const { src, dst } = layers[out.length - 1] as { src?: string; dst?: string };
  const transport = TRANSPORTS[v.getUint8(at + 9)];
  if (transport === undefined || (v.getUint16(at + 6) & 0x3fff) !== 0) return out;
  put(transport, at + 4 * (v.getUint8(at) & 15), ipEnd, parseIp(src ?? ""), parseIp(dst ?? ""));
  return out;
}
