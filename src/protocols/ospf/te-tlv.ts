import { formatIp, type Ipv4 } from "../../core/addr.ts";
import { setU16, setU32, u8, u16, u32 } from "../../core/bytes.ts";
import { formatG } from "../../frr/format-g.ts";
import type { Json } from "../../frr/json.ts";
import { type ActiveLinkParams, CLASSES, LOSS_PRECISION } from "../../frr/link-params.ts";

/** What traffic engineering says in opaque advertisements: RFC 3630 §2.4, RFC 4203 §1.3, RFC 5392 §3.3, RFC 7471 §4. */

export const OPAQUE_TE = 1;
export const OPAQUE_INTER_AS = 6;
const ROUTER_ADDRESS = 1;
export const LINK = 2;

/** A link as it is told. */
export interface TeLink {
  readonly multiaccess: boolean;
  /** The neighbour, or the designated router's address; undefined: another system is at the other end. */
  readonly id: Ipv4 | undefined;
  readonly local: Ipv4;
  readonly remote: Ipv4 | undefined;
  readonly params: ActiveLinkParams;
}

type SubTlv = readonly [type: number, value: Uint8Array];

/** The body of a TE advertisement. `router`: the address that this router is always reached by; not told of links between systems. */
export function encodeTe(router: Ipv4 | undefined, link: TeLink): Uint8Array {
  const subs = subTlvs(link);
  const body = concat(subs.map(([type, value]) => tlv(type, value)));
  return concat([...(router === undefined ? [] : [tlv(ROUTER_ADDRESS, words(router))]), tlv(LINK, body)]);
}

/** In FRR's order (ospfd/ospf_te.c:build_link_tlv). */
function subTlvs({ multiaccess, id, local, remote, params: p }: TeLink): readonly SubTlv[] {
  const rate = (type: number, value: number | undefined): SubTlv[] =>
    value === undefined ? [] : [[type, floats(value)]];
  const word = (type: number, value: number | undefined): SubTlv[] =>
    value === undefined ? [] : [[type, words(value)]];
  return [
    [1, Uint8Array.of(multiaccess ? 2 : 1)],
    ...word(2, id),
    [3, words(local)],
    ...word(4, remote),
    ...word(5, p.metric),
    ...rate(6, p.maxBw),
    ...rate(7, p.maxRsvBw),
    [8, floats(...p.unrsvBw)],
    ...word(9, p.adminGroup),
    ...(p.srlgs === undefined || p.srlgs.length === 0 ? [] : [[16, words(...p.srlgs)] as const]),
    ...word(22, p.neighbor?.address),
    ...word(21, p.neighbor?.as),
    ...word(27, p.delay),
    ...(p.delayRange === undefined ? [] : [[28, words(p.delayRange.min, p.delayRange.max)] as const]),
    ...word(29, p.delayVariation),
    ...word(30, p.packetLoss),
    ...rate(31, p.resBw),
    ...rate(32, p.avaBw),
    ...rate(33, p.useBw),
  ];
}

function tlv(type: number, value: Uint8Array): Uint8Array {
  const b = new Uint8Array(4 + Math.ceil(value.length / 4) * 4);
  setU16(b, 0, type);
  setU16(b, 2, value.length);
  b.set(value, 4);
  return b;
}
function words(...values: readonly number[]): Uint8Array {
  const b = new Uint8Array(4 * values.length);
  for (const [i, value] of values.entries()) setU32(b, 4 * i, value);
  return b;
}
function floats(...values: readonly number[]): Uint8Array {
  const b = new Uint8Array(4 * values.length);
  const view = new DataView(b.buffer);
  for (const [i, value] of values.entries()) view.setFloat32(4 * i, value);
  return b;
}
function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A TLV in a buffer: its value is [o, end). */
export interface TlvAt {
  readonly type: number;
  readonly o: number;
  readonly end: number;
}
/** The TLVs of [o, end); one that is longer than that ends the list. */
export function* tlvsIn(b: Uint8Array, o: number, end: number): Generator<TlvAt> {
  for (let at = o; at + 4 <= end; ) {
    const stop = at + 4 + u16(b, at + 2);
    if (stop > end) return;
    yield { type: u16(b, at), o: at + 4, end: stop };
    at = o + Math.ceil((stop - o) / 4) * 4;
  }
}
export const floatAt = (b: Uint8Array, o: number): number => new DataView(b.buffer, b.byteOffset).getFloat32(o);

/** What a sub-TLV says, as `show ip ospf database opaque-area` prints it, and as JSON (ospfd/ospf_te.c:show_vty_link_subtlv_*). */
interface Shown {
  readonly lines: readonly string[];
  readonly json: Record<string, Json>;
}
const shown = (line: string, key: string, value: Json): Shown => ({ lines: [`  ${line}`], json: { [key]: value } });

function showSubTlv(b: Uint8Array, { type, o, end }: TlvAt): Shown {
  const length = end - o;
  const rate = (words: string, key: string): Shown =>
    shown(`${words}: ${formatG(floatAt(b, o))} (Bytes/sec)`, key, floatAt(b, o));
  const known = LENGTHS.get(type);
  if (known !== undefined && length !== known) return unknownTlv(type, length);
  switch (type) {
    case 1: {
      const kind = u8(b, o);
      const name = kind === 1 ? "Point-to-point" : kind === 2 ? "Multiaccess" : "Unknown";
      return { lines: [`  Link-Type: ${name} (${kind})`], json: { accessType: name } };
    }
    case 2:
      return shown(`Link-ID: ${formatIp(u32(b, o))}`, "linkID", formatIp(u32(b, o)));
    case 3:
      return addresses(b, o, length, "Local", "localIPAddresses");
    case 4:
      return addresses(b, o, length, "Remote", "remoteIPAddresses");
    case 5:
      return shown(`Traffic Engineering Metric: ${u32(b, o)}`, "teDefaultMetric", u32(b, o));
    case 6:
      return rate("Maximum Bandwidth", "maxLinkBandwidth");
    case 7:
      return rate("Maximum Reservable Bandwidth", "maxResvLinkBandwidth");
    case 8:
      return unreserved(b, o);
    case 9:
      return shown(
        `Resource class/color: 0x${u32(b, o).toString(16)}`,
        "administrativeGroup",
        `0x${u32(b, o).toString(16)}`,
      );
    case 16:
      return groups(b, o, length);
    case 21:
      return shown(`Inter-AS TE Remote AS number: ${u32(b, o)}`, "remoteAsbrNumber", u32(b, o));
    case 22:
      return shown(
        `Inter-AS TE Remote ASBR IP address: ${formatIp(u32(b, o))}`,
        "remoteAsbrAddress",
        formatIp(u32(b, o)),
      );
    case 31:
      return rate("Unidirectional Residual Bandwidth", "oneWayResidualBandwidth");
    case 32:
      return rate("Unidirectional Available Bandwidth", "oneWayAvailableBandwidth");
    case 33:
      return rate("Unidirectional Utilized Bandwidth", "oneWayUtilizedBandwidth");
    default:
      return showDelay(b, type, o) ?? unknownTlv(type, length);
  }
}

/** Octets of those that have always as many. */
const LENGTHS: ReadonlyMap<number, number> = new Map([
  ...[2, 5, 6, 7, 9, 21, 22, 27, 29, 30, 31, 32, 33].map((type) => [type, 4] as const),
  ...[[1, 1] as const, [8, 4 * CLASSES] as const, [28, 8] as const],
]);

/** RFC 7471 §4: the highest bit says that it is not as it should be. */
function showDelay(b: Uint8Array, type: number, o: number): Shown | undefined {
  const anomalous = (u8(b, o) & 0x80) !== 0 ? "Anomalous" : "Normal";
  const value = u32(b, o) & 0xff_ffff;
  switch (type) {
    case 27:
      return {
        lines: [`  ${anomalous} Average Link Delay: ${value} (micro-sec)`],
        json: { oneWayDelay: value, oneWayDelayNormality: anomalous },
      };
    case 28: {
      const high = u32(b, o + 4) & 0xff_ffff;
      return {
        lines: [`  ${anomalous} Min/Max Link Delay: ${value}/${high} (micro-sec)`],
        json: {
          ...{ oneWayMinDelay: value, oneWayMinDelayNormality: anomalous },
          ...{ oneWayMaxDelay: high, oneWayMaxDelayNormality: anomalous },
        },
      };
    }
    case 29:
      return shown(`Delay Variation: ${value} (micro-sec)`, "oneWayDelayVariation", value);
    case 30: {
      const loss = value * LOSS_PRECISION;
      return {
        lines: [`  ${anomalous} Link Loss: ${formatG(loss)} (%)`],
        json: { oneWayPacketLoss: loss, oneWayPacketLossNormality: anomalous },
      };
    }
  }
  return undefined;
}

function addresses(b: Uint8Array, o: number, length: number, which: string, key: string): Shown {
  const all = Array.from({ length: Math.floor(length / 4) }, (_, i) => formatIp(u32(b, o + 4 * i)));
  const lines = [`  ${which} Interface IP Address(es): ${all.length}`, ...all.map((a, i) => `    #${i}: ${a}`)];
  return { lines, json: { [key]: all.map((a, i) => ({ [i]: a })) } };
}
function unreserved(b: Uint8Array, o: number): Shown {
  const rates = Array.from({ length: CLASSES }, (_, i) => floatAt(b, o + 4 * i));
  const lines = [0, 2, 4, 6].map(
    (i) => `    [${i}]: ${formatG(rates[i] ?? 0)} (Bytes/sec),\t[${i + 1}]: ${formatG(rates[i + 1] ?? 0)} (Bytes/sec)`,
  );
  return {
    lines: ["  Unreserved Bandwidth per Class Type in Byte/s:", ...lines],
    json: { unreservedBandwidth: rates.map((rate, i) => ({ [i]: rate })) },
  };
}
function groups(b: Uint8Array, o: number, length: number): Shown {
  const all = Array.from({ length: Math.floor(length / 4) }, (_, i) => u32(b, o + 4 * i));
  return { lines: all.map((n) => `  Shared Risk Link Group: ${n}`), json: { sharedRiskLinkGroups: all } };
}
function unknownTlv(type: number, length: number): Shown {
  const [t, l] = [`0x${type.toString(16)}`, `0x${length.toString(16)}`];
  return { lines: [`  Unknown TLV: [type(${t}), length(${l})]`], json: { unknownTLV: { type: t, length: l } } };
}

/** A whole advertisement [o, end) as text (ospfd/ospf_te.c:ospf_mpls_te_show_info). */
export function teText(b: Uint8Array, o: number, end: number): string {
  const lines: string[] = [];
  for (const t of tlvsIn(b, o, end))
    if (t.type === ROUTER_ADDRESS && t.end - t.o === 4) lines.push(`  Router-Address: ${formatIp(u32(b, t.o))}`);
    else if (t.type === LINK) {
      lines.push(`  Link: ${t.end - t.o} octets of data`);
      for (const sub of tlvsIn(b, t.o, t.end)) lines.push(...showSubTlv(b, sub).lines);
    } else lines.push(...unknownTlv(t.type, t.end - t.o).lines);
  return lines.map((line) => `${line}\n`).join("");
}
export function teJson(b: Uint8Array, o: number, end: number): Record<string, Json> {
  const json: Record<string, Json> = {};
  for (const t of tlvsIn(b, o, end))
    if (t.type === ROUTER_ADDRESS && t.end - t.o === 4)
      json["teRouterAddress"] = { routerAddress: formatIp(u32(b, t.o)) };
    else if (t.type === LINK) {
      let link: Record<string, Json> = { teLinkDataLength: t.end - t.o };
      for (const sub of tlvsIn(b, t.o, t.end)) link = { ...link, ...showSubTlv(b, sub).json };
      json["teLink"] = link;
    } else Object.assign(json, unknownTlv(t.type, t.end - t.o).json);
  return json;
}

/** What is said of a link of this router, in the order of `show ip ospf mpls-te interface`. */
export function linkText(link: TeLink): string {
  const lines = [...subTlvs(link)]
    .sort(([a], [b]) => SHOW_ORDER.indexOf(a) - SHOW_ORDER.indexOf(b))
    .flatMap(([type, value]) => showSubTlv(value, { type, o: 0, end: value.length }).lines);
  return lines.map((line) => `${line}\n`).join("");
}
const SHOW_ORDER: readonly number[] = [1, 2, 3, 4, 22, 21, 5, 6, 7, 8, 9, 27, 28, 29, 30, 31, 32, 33, 16];
