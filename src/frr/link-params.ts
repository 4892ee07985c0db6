import { formatIp, type Ipv4 } from "../core/addr.ts";
import { formatG } from "./format-g.ts";

/** What traffic engineering knows of a link (`link-params`; lib/if.h:if_link_params). Rates in octets a second, as 32-bit floats; delays in microseconds. */
export interface LinkParams {
  readonly metric?: number | undefined;
  readonly maxBw?: number | undefined;
  readonly maxRsvBw?: number | undefined;
  /** By class, where one is set. */
  readonly unrsvBw?: readonly (number | undefined)[] | undefined;
  readonly adminGroup?: number | undefined;
  readonly delay?: number | undefined;
  readonly delayRange?: { readonly min: number; readonly max: number } | undefined;
  readonly delayVariation?: number | undefined;
  /** In units of `LOSS_PRECISION` per cent. */
  readonly packetLoss?: number | undefined;
  readonly resBw?: number | undefined;
  readonly avaBw?: number | undefined;
  readonly useBw?: number | undefined;
  /** The router of another system at the other end. */
  readonly neighbor?: { readonly address: Ipv4; readonly as: number } | undefined;
  readonly srlgs?: readonly number[] | undefined;
}

/** Classes that bandwidth is reserved for. */
export const CLASSES = 8;
/** Per cent (lib/if.h). */
export const LOSS_PRECISION = 0.000003;
/** lib/if.h:DEFAULT_BANDWIDTH, in Mbit/s. */
const BANDWIDTH_MBPS = 10;

/** What holds for a link: what is not set is the device's rate (lib/if.c:if_link_params_enable). */
export interface ActiveLinkParams extends LinkParams {
  readonly maxBw: number;
  readonly maxRsvBw: number;
  readonly unrsvBw: readonly number[];
}
export function activeParams(p: LinkParams, bandwidthMbps: number): ActiveLinkParams {
  const rate = Math.fround(((bandwidthMbps || BANDWIDTH_MBPS) * 1e6) / 8);
  const unrsvBw = Array.from({ length: CLASSES }, (_, i) => p.unrsvBw?.[i] ?? rate);
  return { ...p, maxBw: p.maxBw ?? rate, maxRsvBw: p.maxRsvBw ?? rate, unrsvBw };
}

/** The block of the running configuration, inside that of the interface (zebra/zebra_cli.c). */
export function writeLinkParams(p: LinkParams): string {
  const when = (words: string, value: number | string | undefined): string[] =>
    value === undefined ? [] : [`  ${words} ${value}`];
  const rate = (words: string, value: number | undefined): string[] =>
    when(words, value === undefined ? undefined : formatG(value));
  const range = p.delayRange === undefined ? "" : ` min ${p.delayRange.min} max ${p.delayRange.max}`;
  return [
    " link-params",
    ...when("metric", p.metric),
    ...rate("max-bw", p.maxBw),
    ...rate("max-rsv-bw", p.maxRsvBw),
    ...(p.unrsvBw ?? []).flatMap((bw, i) => rate(`unrsv-bw ${i}`, bw)),
    ...when("admin-grp", p.adminGroup === undefined ? undefined : `0x${p.adminGroup.toString(16)}`),
    ...(p.srlgs ?? []).flatMap((n) => when("srlg", n)),
    ...when("neighbor", p.neighbor === undefined ? undefined : `${formatIp(p.neighbor.address)} as ${p.neighbor.as}`),
    ...when("delay", p.delay === undefined ? undefined : `${p.delay}${range}`),
    ...when("delay-variation", p.delayVariation),
    ...when("packet-loss", p.packetLoss === undefined ? undefined : (p.packetLoss * LOSS_PRECISION).toFixed(6)),
    ...rate("res-bw", p.resBw),
    ...rate("ava-bw", p.avaBw),
    ...rate("use-bw", p.useBw),
    " exit-link-params",
  ].join("\n");
}

/** The part of `show interface` (zebra/interface.c:if_dump_vty). */
export function linkParamsText(p: ActiveLinkParams): readonly string[] {
  const rate = (words: string, value: number | undefined): string[] =>
    value === undefined ? [] : [`    ${words} ${formatG(value)} (Byte/s)`];
  const range = p.delayRange;
  const min = range === undefined ? "" : ` Min:  ${range.min} (micro-sec.) Max:  ${range.max} (micro-sec.)`;
  return [
    "  Traffic Engineering Link Parameters:",
    ...(p.metric === undefined ? [] : [`    TE metric ${p.metric}`]),
    ...rate("Maximum Bandwidth", p.maxBw),
    ...rate("Maximum Reservable Bandwidth", p.maxRsvBw),
    "    Unreserved Bandwidth per Class Type in Byte/s:",
    ...[0, 2, 4, 6].map(
      (i) =>
        `      [${i}]: ${formatG(p.unrsvBw[i] ?? 0)} (Bytes/sec),\t[${i + 1}]: ${formatG(p.unrsvBw[i + 1] ?? 0)} (Bytes/sec)`,
    ),
    ...(p.adminGroup === undefined ? [] : [`    Administrative Group:${p.adminGroup}`]),
    ...(p.delay === undefined ? [] : [`    Link Delay Average: ${p.delay} (micro-sec.)${min}`]),
    ...(p.delayVariation === undefined ? [] : [`    Link Delay Variation ${p.delayVariation} (micro-sec.)`]),
    ...(p.packetLoss === undefined
      ? []
      : [`    Link Packet Loss ${(p.packetLoss * LOSS_PRECISION).toFixed(6)} (in %)`]),
    ...rate("Available Bandwidth", p.avaBw),
    ...rate("Residual Bandwidth", p.resBw),
    ...rate("Utilized Bandwidth", p.useBw),
    ...(p.neighbor === undefined
      ? []
      : [`    Neighbor ASBR IP: ${formatIp(p.neighbor.address)} AS: ${p.neighbor.as} `]),
  ];
}
