import { setU16, setU32, u16, u32 } from "../core/bytes.ts";
import { complement16, fold16, pseudoHeader, sum16 } from "../core/checksum.ts";
import {
  HEADER as ETHERNET_HEADER,
  ETHERTYPE_IPV4,
  ETHERTYPE_QINQ,
  ETHERTYPE_VLAN,
} from "../protocols/ethernet/wire.ts";
import {
  dst,
  headerLength,
  IP_DF,
  IP_MF,
  IP_OFFMASK,
  IPPROTO_TCP,
  IPPROTO_UDP,
  protocol,
  src,
  totalLength,
} from "../protocols/ipv4/wire.ts";

/**
 * What a network card would have done for the kernel whose frames these are: a kernel that hands frames to a UDP tunnel leaves
 * their checksums unfilled (CHECKSUM_PARTIAL) and hands over up to 64 KiB at once (GSO) unless `ethtool -K` forbids both.
 */

export interface OffloadCounters {
  /** Frames whose transport checksum was filled in. */
  repaired: number;
  /** Frames that were cut, and what they were cut into. */
  segmented: number;
  segments: number;
  /** Frames too long for the device that cannot be cut. */
  tooLong: number;
}

const TCP_FIN = 0x01;
const TCP_PSH = 0x08;
const TCP_CWR = 0x80;
const TCP_HEADER_MIN = 20;
const UDP_HEADER = 8;
const CHECKSUM_TCP = 16;
const CHECKSUM_UDP = 6;
const VLAN_TAG = 4;

/**
 * Finishes the frame [o, end) of `b` for a device of `mtuBytes`, and hands what comes of it to `emit`, one frame at a time. `b` is written to.
 */
export function finishFrame(
  b: Uint8Array,
  o: number,
  end: number,
  mtuBytes: number,
  counters: OffloadCounters,
  emit: (b: Uint8Array, o: number, end: number) => void,
): void {
  const ip = networkAt(b, o, end);
  const payload = ip < 0 ? end - o - ETHERNET_HEADER : end - ip;
  const fits = payload <= mtuBytes;
  if (ip < 0 || !isWhole(b, ip, end)) {
    if (fits) emit(b, o, end);
    else counters.tooLong++;
    return;
  }
  const ipEnd = ip + totalLength(b, ip); // the rest is padding
  if (fits) {
    if (fillChecksum(b, ip, ipEnd)) counters.repaired++;
    return emit(b, o, end);
  }
  if (ipEnd - ip <= mtuBytes) return emit(b, o, ipEnd);
  const l4 = ip + headerLength(b, ip);
  const isTcp = protocol(b, ip) === IPPROTO_TCP && ipEnd - l4 >= TCP_HEADER_MIN && isFirst(b, ip);
  if (isTcp) return cutTcp(b, o, ip, ipEnd, mtuBytes, counters, emit);
  if (protocol(b, ip) === IPPROTO_UDP && isFirst(b, ip) && ipEnd - l4 >= UDP_HEADER)
    return cutDatagram(b, o, ip, ipEnd, mtuBytes, counters, emit);
  counters.tooLong++;
}

/** Where the IPv4 header begins, behind any VLAN tags; -1: it is another protocol. */
function networkAt(b: Uint8Array, o: number, end: number): number {
  let at = o + ETHERNET_HEADER;
  while (at <= end) {
    const type = u16(b, at - 2);
    if (type === ETHERTYPE_IPV4) return at;
    if (type !== ETHERTYPE_VLAN && type !== ETHERTYPE_QINQ) return -1;
    at += VLAN_TAG;
  }
  return -1;
}

const isWhole = (b: Uint8Array, ip: number, end: number): boolean =>
  end - ip >= 20 &&
  (b[ip] as number) >> 4 === 4 &&
  headerLength(b, ip) >= 20 &&
  headerLength(b, ip) <= totalLength(b, ip) &&
  totalLength(b, ip) <= end - ip;

/** No fragment, not even the first: what the checksum covers is all here. */
const isFirst = (b: Uint8Array, ip: number): boolean => (u16(b, ip + 6) & (IP_MF | IP_OFFMASK)) === 0;

/** Fills in a transport checksum that holds the sum of the pseudo-header only. A checksum that is wrong in another way is left: that is a damaged packet. */
function fillChecksum(b: Uint8Array, ip: number, end: number): boolean {
  const l4 = ip + headerLength(b, ip);
  const at = checksumAt(b, ip, l4, end);
  if (at < 0 || !isFirst(b, ip)) return false;
  const pseudo = pseudoHeader(src(b, ip), dst(b, ip), protocol(b, ip), end - l4);
  if (u16(b, at) !== fold16(pseudo)) return false;
  if (fold16(sum16(b, l4, end) + pseudo) === 0xffff) return false; // it happens to be right
  writeChecksum(b, ip, l4, end, at);
  return true;
}

/** Where the transport checksum stands; -1: there is none that we know. */
function checksumAt(b: Uint8Array, ip: number, l4: number, end: number): number {
  const is = protocol(b, ip);
  if (is === IPPROTO_TCP && end - l4 >= TCP_HEADER_MIN) return l4 + CHECKSUM_TCP;
  return is === IPPROTO_UDP && end - l4 >= UDP_HEADER ? l4 + CHECKSUM_UDP : -1;
}

function writeChecksum(b: Uint8Array, ip: number, l4: number, end: number, at: number): void {
  setU16(b, at, 0);
  const is = protocol(b, ip);
  const checksum = complement16(sum16(b, l4, end) + pseudoHeader(src(b, ip), dst(b, ip), is, end - l4));
  setU16(b, at, checksum === 0 && is === IPPROTO_UDP ? 0xffff : checksum); // RFC 768: zero stands for none
}

function writeIp(b: Uint8Array, ip: number, length: number, id: number, fragment: number): void {
  setU16(b, ip + 2, length);
  setU16(b, ip + 4, id & 0xffff);
  setU16(b, ip + 6, fragment);
  setU16(b, ip + 10, 0);
  setU16(b, ip + 10, complement16(sum16(b, ip, ip + headerLength(b, ip))));
}

/** net/ipv4/tcp_offload.c:tcp_gso_segment. The size of the segments is not told: each is as long as the device allows. */
function cutTcp(
  b: Uint8Array,
  o: number,
  ip: number,
  end: number,
  mtuBytes: number,
  counters: OffloadCounters,
  emit: (b: Uint8Array, o: number, end: number) => void,
): void {
  const l4 = ip + headerLength(b, ip);
  const data = l4 + ((b[l4 + 12] as number) >> 4) * 4;
  const size = mtuBytes - (data - ip);
  if (data < l4 + TCP_HEADER_MIN || data > end || size <= 0) return void counters.tooLong++;
  counters.segmented++;
  const head = data - o;
  const flags = b[l4 + 13] as number;
  for (let at = data, i = 0; at < end; at += size, i++) {
    const part = Math.min(size, end - at);
    const frame = new Uint8Array(head + part);
    frame.set(b.subarray(o, data));
    frame.set(b.subarray(at, at + part), head);
    const [net, tcp] = [ip - o, l4 - o];
    const last = at + part === end;
    writeIp(frame, net, head - net + part, u16(b, ip + 4) + i, u16(b, ip + 6));
    setU32(frame, tcp + 4, (u32(b, l4 + 4) + (at - data)) >>> 0);
    frame[tcp + 13] = flags & ~(last ? 0 : TCP_FIN | TCP_PSH) & ~(i === 0 ? 0 : TCP_CWR);
    writeChecksum(frame, net, tcp, frame.length, tcp + CHECKSUM_TCP);
    counters.segments++;
    emit(frame, 0, frame.length);
  }
}

/** A datagram longer than the device takes: fragments, as RFC 791 §3.2 cuts them. */
function cutDatagram(
  b: Uint8Array,
  o: number,
  ip: number,
  end: number,
  mtuBytes: number,
  counters: OffloadCounters,
  emit: (b: Uint8Array, o: number, end: number) => void,
): void {
  const l4 = ip + headerLength(b, ip);
  if (u16(b, l4 + CHECKSUM_UDP) !== 0) writeChecksum(b, ip, l4, end, l4 + CHECKSUM_UDP);
  const size = (mtuBytes - (l4 - ip)) & ~7;
  if (size <= 0) return void counters.tooLong++;
  counters.segmented++;
  const head = l4 - o;
  for (let at = l4; at < end; at += size) {
    const part = Math.min(size, end - at);
    const frame = new Uint8Array(head + part);
    frame.set(b.subarray(o, l4));
    frame.set(b.subarray(at, at + part), head);
    const more = at + part < end ? IP_MF : 0;
    writeIp(
      frame,
      ip - o,
      l4 - ip + part,
      u16(b, ip + 4),
      ((at - l4) >> 3) | more | (u16(b, ip + 6) & ~(IP_DF | IP_MF)),
    );
    counters.segments++;
    emit(frame, 0, frame.length);
  }
}
