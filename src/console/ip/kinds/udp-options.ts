import type { DfMode, UdpTunnelParms } from "../../../nodes/kernel/dev/udp-tunnel.ts";
import { type Args, type Option, option } from "../args.ts";
import { garbage, notBuilt, wrong } from "../exit.ts";
import { dsfieldNumber } from "../names.ts";
import type { Printer } from "../printer.ts";
import { hex, unsignedOr } from "./kind.ts";

/** What is read of a tunnel over UDP; `seen` are the options that were given, each of which may stand once. */
export interface UdpDraft {
  readonly seen: Set<string>;
  ttl?: number | "inherit";
  tos?: number | "inherit";
  df?: DfMode;
  udpcsum?: boolean;
}

/** Refuses an option that was given before (ip/iplink_vxlan.c:check_duparg). */
export function once(draft: UdpDraft, attribute: string, key: string, argument: string): void {
  if (draft.seen.has(attribute)) throw garbage(key, argument);
  draft.seen.add(attribute);
}

export const TTL_TOS_DF: readonly Option<UdpDraft>[] = [
  option("ttl|hoplimit", (o, args) => {
    const text = args.next();
    once(o, "ttl", "ttl", text);
    o.ttl = text === "inherit" ? "inherit" : text === "auto" ? 0 : readTtl(text);
  }),
  option("tos|dsfield", (o, args) => {
    const text = args.next();
    once(o, "tos", "tos", text);
    o.tos = readTos(text);
  }),
  option("df", (o, args) => {
    const text = args.next();
    once(o, "df", "df", text);
    if (text !== "unset" && text !== "set" && text !== "inherit") {
      throw wrong("DF must be 'unset', 'set' or 'inherit'", text);
    }
    o.df = text;
  }),
  option("label|flowlabel", (_, args) => {
    throw notBuilt(`"${args.word}"`);
  }),
];

function readTtl(text: string): number {
  const ttl = unsignedOr("invalid TTL", text, 0xffff_ffff);
  if (ttl > 255) throw wrong("TTL must be <= 255", text);
  return ttl;
}

/** The TOS octet, or `inherit`. */
export function readTos(text: string): number | "inherit" {
  if (text === "inherit") return text;
  const tos = dsfieldNumber(text);
  if (tos === undefined) throw wrong("bad TOS value", text);
  return tos;
}

/** A switch and its opposite, `no` in front: both are one attribute. */
export function toggle<T extends UdpDraft>(name: string, set: (draft: T, on: boolean) => void): readonly Option<T>[] {
  const read = (on: boolean) => (draft: T, args: Args) => {
    once(draft, name, args.word, args.word);
    set(draft, on);
  };
  return [option<T>(`no${name}`, read(false)), option<T>(name, read(true))];
}

/** A switch that matters to IPv6 alone: it may be named as it is, off. */
export const onlyIpv6 = (kind: string, name: string) => (_: unknown, on: boolean) => {
  if (on) throw notBuilt(`${kind}: "${name}"`);
};

export function putTos(out: Printer, tos: number): void {
  if (tos === 0) return;
  if (out.json || tos !== 1) out.put("tos", hex(tos), `tos ${hex(tos)} `);
  else out.text("tos inherit ");
}

export function putTtl(out: Printer, ttl: number): void {
  if (ttl < 0) return out.text("ttl inherit ");
  out.put("ttl", ttl, ttl === 0 ? "ttl auto " : `ttl ${ttl} `);
}

export function putDf(out: Printer, df: UdpTunnelParms["df"]): void {
  out.put("df", df, df === "unset" ? "" : `df ${df} `);
}

/** Whether outer packets have a UDP checksum. */
export const putChecksum = (out: Printer, on: boolean): void => out.put("udp_csum", on, on ? "udpcsum " : "noudpcsum ");
