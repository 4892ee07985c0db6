import type { Nanos } from "../../core/time.ts";
import { MSS_DEFAULT } from "./wire.ts";

/** Numbers that strangers must not guess, out of a secret of the node: initial sequence numbers, timestamps, SYN cookies. */

/** Four words that only this node knows; where ports are drawn from them too, they come from the run's seed. */
export type TcpSecret = readonly [number, number, number, number];

/** The four numbers that name a connection, and what else goes into a hash. Mixes well; nobody attacks it. */
export function hash(secret: TcpSecret, salt: number, a: number, b: number, ports: number, extra = 0): number {
  let h = secret[salt & 3] as number;
  h = round(h, a);
  h = round(h, b);
  h = round(h, ports);
  h = round(h, extra);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** RFC 6528 §3: a clock of 64 ns plus a hash of the connection (`net/core/secure_seq.c:secure_tcp_seq`). Signed. */
export function initialSequence(secret: TcpSecret, now: Nanos, local: number, remote: number, ports: number): number {
  return (hash(secret, 0, local, remote, ports) + Math.floor(now / 64)) | 0;
}

/** RFC 7323 §7.1: what is added to the timestamp clock for one pair of hosts. */
export const stampOffset = (secret: TcpSecret, local: number, remote: number): number =>
  hash(secret, 1, local, remote, 0);

/** Both ports in one word. */
export const portWord = (local: number, remote: number): number => (local << 16) | remote;

// SYN cookies (`net/ipv4/syncookies.c`): the sequence number of a SYN-ACK is all that is kept of the SYN.

/** The sizes of segment that two bits of a cookie can tell. */
const COOKIE_MSS = [MSS_DEFAULT, 1300, 1440, 1460] as const;
const COOKIE_SHIFT = 24;
const COOKIE_MASK = 0xffffff;
/** Minutes that a cookie is good for. */
const COOKIE_LIFE = 2;
const COOKIE_TICK: Nanos = 60_000_000_000;

/** The cookie that answers the SYN with `irs` and `mss`. Signed. */
export function makeCookie(
  secret: TcpSecret,
  now: Nanos,
  local: number,
  remote: number,
  ports: number,
  irs: number,
  mss: number,
): number {
  let index = COOKIE_MSS.length - 1;
  while (index > 0 && mss < (COOKIE_MSS[index] as number)) index--;
  const count = Math.floor(now / COOKIE_TICK);
  const low = (hash(secret, 3, local, remote, ports, mixed(count, irs)) + index) & COOKIE_MASK;
  return (hash(secret, 2, local, remote, ports) + irs + (count << COOKIE_SHIFT) + low) | 0;
}

/** The size of segment that a cookie tells which came back; 0 when it is none, or too old. */
export function checkCookie(
  secret: TcpSecret,
  now: Nanos,
  local: number,
  remote: number,
  ports: number,
  irs: number,
  cookie: number,
): number {
  const rest = (cookie - hash(secret, 2, local, remote, ports) - irs) | 0;
  const count = Math.floor(now / COOKIE_TICK);
  const age = (count - (rest >>> COOKIE_SHIFT)) & 0xff;
  if (age >= COOKIE_LIFE) return 0;
  const index = (rest - hash(secret, 3, local, remote, ports, mixed(count - age, irs))) & COOKIE_MASK;
  return COOKIE_MSS[index] ?? 0;
}

/**
 * Linux leaves the peer's number out of this hash, so that a segment a few octets ahead passes with another size of segment, and
 * those octets are lost. Here it does not pass.
 */
const mixed = (count: number, irs: number): number => (Math.imul(irs, 0x9e3779b1) + count) | 0;

/** Options of the SYN hidden in the low bits of a timestamp: window scale (15: none), SACK, ECN. */
const STAMP_BITS = 6;
const STAMP_NO_SCALE = 15;
const STAMP_SACK = 1 << 4;
const STAMP_ECN = 1 << 5;

/** The timestamp of a cookie's SYN-ACK, at or before `stamp`. `scale` -1: none. */
export function hideOptions(stamp: number, scale: number, sack: boolean, ecn: boolean): number {
  const bits = (scale < 0 ? STAMP_NO_SCALE : scale) | (sack ? STAMP_SACK : 0) | (ecn ? STAMP_ECN : 0);
  const hidden = (stamp & -(1 << STAMP_BITS)) | bits;
  return ((stamp - hidden) | 0) < 0 ? (hidden - (1 << STAMP_BITS)) | 0 : hidden;
}

/** What `hideOptions` hid. */
export const hiddenScale = (stamp: number): number => {
  const scale = stamp & STAMP_NO_SCALE;
  return scale === STAMP_NO_SCALE ? -1 : scale;
};
export const hiddenSack = (stamp: number): boolean => (stamp & STAMP_SACK) !== 0;
export const hiddenEcn = (stamp: number): boolean => (stamp & STAMP_ECN) !== 0;

function round(h: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = (k << 15) | (k >>> 17);
  const mixed = h ^ Math.imul(k, 0x1b873593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}
