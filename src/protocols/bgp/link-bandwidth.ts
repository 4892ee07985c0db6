import { AS_TRANS } from "./capability.ts";

/** Link bandwidth as an extended community (draft-ietf-idr-link-bandwidth): AS number and octets per second as an IEEE float. */

const SUBTYPE = 4;
const NON_TRANSITIVE = 0x40;
/** IEEE single precision, in and out: one buffer for all. */
const view = new DataView(new ArrayBuffer(4));

/** `bytesPerS` of link as sixteen hexadecimal digits. */
export function encodeBandwidth(as: number, bytesPerS: number, transitive: boolean): string {
  view.setFloat32(0, bytesPerS);
  const type = transitive ? 0 : NON_TRANSITIVE;
  const digits = (n: number, count: number): string => n.toString(16).padStart(count, "0");
  return `${digits(type, 2)}${digits(SUBTYPE, 2)}${digits(as > 0xffff ? AS_TRANS : as, 4)}${digits(view.getUint32(0), 8)}`;
}

/** Octets per second that a community tells; undefined: it tells something else. */
export function bandwidthOf(hex: string): number | undefined {
  const type = Number.parseInt(hex.slice(0, 2), 16) & ~NON_TRANSITIVE;
  if (type !== 0 || Number.parseInt(hex.slice(2, 4), 16) !== SUBTYPE) return undefined;
  view.setUint32(0, Number.parseInt(hex.slice(8, 16), 16));
  return Math.trunc(view.getFloat32(0));
}

/** The same communities for neighbours whose bandwidths are whole numbers (`disable-link-bw-encoding-ieee`). */
export const inWholeNumbers = (extended: readonly string[]): readonly string[] =>
  extended.map((hex) => {
    const bytesPerS = bandwidthOf(hex);
    return bytesPerS === undefined
      ? hex
      : hex.slice(0, 8) + Math.min(bytesPerS, 0xffffffff).toString(16).padStart(8, "0");
  });
/** And what such a neighbour tells, as floats. */
export const inFloats = (extended: readonly string[]): readonly string[] =>
  extended.map((hex) => {
    if (bandwidthOf(hex) === undefined) return hex;
    view.setFloat32(0, Number.parseInt(hex.slice(8, 16), 16));
    return hex.slice(0, 8) + view.getUint32(0).toString(16).padStart(8, "0");
  });

/** What a path tells; 0: nothing. */
export function linkBandwidth(extended: readonly string[]): number {
  for (const hex of extended) {
    const found = bandwidthOf(hex);
    if (found !== undefined) return found;
  }
  return 0;
}

/** `LB:65001:250000 (2.000 Mbps)` (bgpd/bgp_ecommunity.c:ecommunity_lb_str). */
export function bandwidthText(hex: string, bytesPerS: number): string {
  const as = Number.parseInt(hex.slice(4, 8), 16);
  const bits = bytesPerS * 8;
  const rate =
    bits >= 1e9
      ? `${(bits / 1e9).toFixed(3)} Gbps`
      : bits >= 1e6
        ? `${(bits / 1e6).toFixed(3)} Mbps`
        : bits >= 1e3
          ? `${(bits / 1e3).toFixed(3)} Kbps`
          : `${bits} bps`;
  return `LB:${as}:${bytesPerS} (${rate})`;
}
