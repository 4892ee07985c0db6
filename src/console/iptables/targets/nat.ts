import { formatIp } from "../../../core/addr.ts";
import type { NatRange } from "../../../nodes/kernel/netfilter/nat/range.ts";
import { dotted } from "../addresses.ts";
import { problem } from "../exit.ts";
import type { TargetKind } from "../kind.ts";
import { whole, wholeBefore } from "../numbers.ts";
import type { At, Given, Option } from "../option.ts";
import { servicePort } from "../services.ts";

/** Protocols with ports, or with something that is translated like one. */
const WITH_PORTS = [1, 6, 17, 33, 132];

const random: Option = { name: "random" };
const fully: Option = { name: "random-fully" };
const persistent: Option = { name: "persistent" };

const flagsOf = (given: Given): NatRange => ({
  ...(given.has("random") && { random: true }),
  ...(given.has("random-fully") && { fullyRandom: true }),
  ...(given.has("persistent") && { persistent: true }),
});
const flagWords = (range: NatRange, dash: string): string =>
  (range.random === true ? ` ${dash}random` : "") +
  (range.fullyRandom === true ? ` ${dash}random-fully` : "") +
  (range.persistent === true ? ` ${dash}persistent` : "");

/** `address[-address][:port[-port][/base]]`. */
function rangeText(range: NatRange): string {
  const { minAddress, maxAddress = minAddress, basePort } = range;
  const addresses =
    minAddress === undefined
      ? ""
      : formatIp(minAddress) + (maxAddress === minAddress ? "" : `-${formatIp(maxAddress ?? 0)}`);
  const base = basePort === undefined ? "" : `/${basePort}`;
  return range.minPort === undefined ? addresses : `${addresses}:${portsText(range)}${base}`;
}
const portsText = ({ minPort, maxPort = minPort }: NatRange): string =>
  minPort === maxPort ? String(minPort) : `${minPort}-${maxPort}`;

const addressed = <K extends "SNAT" | "DNAT">(name: K, option: string, flags: readonly Option[]) => ({
  name,
  options: [{ name: option, must: true, read: parseRange }, ...flags],
  build: (given: Given) => ({ kind: name, range: { ...(given.get<NatRange>(option) ?? {}), ...flagsOf(given) } }),
  list: ({ range }: { readonly range: NatRange }) => ` to:${rangeText(range)}${flagWords(range, "")}`,
  save: ({ range }: { readonly range: NatRange }) => ` --${option} ${rangeText(range)}${flagWords(range, "--")}`,
});

/** `-j SNAT`, `-j DNAT`. */
export const snat = addressed("SNAT", "to-source", [random, fully, persistent]) as TargetKind<"SNAT">;
export const dnat = addressed("DNAT", "to-destination", [random, persistent]) as TargetKind<"DNAT">;

const ported = <K extends "MASQUERADE" | "REDIRECT">(name: K, words: string, flags: readonly Option[]) => ({
  name,
  options: [{ name: "to-ports", read: (text: string, at: At) => parsePorts(text, at, false) }, ...flags],
  build: (given: Given) => {
    const range = { ...(given.get<NatRange>("to-ports") ?? {}), ...flagsOf(given) };
    return { kind: name, ...(Object.keys(range).length > 0 && { range }) };
  },
  list: ({ range = {} }: { readonly range?: NatRange }) =>
    (range.minPort === undefined ? "" : ` ${words} ${portsText(range)}`) + flagWords(range, ""),
  save: ({ range = {} }: { readonly range?: NatRange }) =>
    (range.minPort === undefined ? "" : ` --to-ports ${portsText(range)}`) + flagWords(range, "--"),
});

/** `-j MASQUERADE`, `-j REDIRECT`. */
export const masquerade = ported("MASQUERADE", "masq ports:", [random, fully]) as TargetKind<"MASQUERADE">;
export const redirect = ported("REDIRECT", "redir ports", [random]) as TargetKind<"REDIRECT">;

/** extensions/libxt_NAT.c:parse_to. */
function parseRange(text: string, at: At): NatRange {
  const colon = text.indexOf(":");
  if (colon !== text.lastIndexOf(":")) throw problem(`Bad IP address "${text}"`);
  const ports = colon < 0 ? {} : parsePorts(text.slice(colon + 1), at, true);
  const addresses = colon < 0 ? text : text.slice(0, colon);
  if (colon === 0) return ports;
  const dash = addresses.indexOf("-");
  const address = (part: string): number => {
    const value = dotted(part);
    if (value === undefined) throw problem(`Bad IP address "${part}"`);
    return value;
  };
  const minAddress = address(dash < 0 ? addresses : addresses.slice(0, dash));
  const maxAddress = dash < 0 ? minAddress : address(addresses.slice(dash + 1));
  return { minAddress, maxAddress, ...ports };
}

/** extensions/libxt_NAT.c:parse_ports. */
function parsePorts(text: string, at: At, withBase: boolean): NatRange {
  if (!WITH_PORTS.includes(at.protocol)) throw problem("Need TCP, UDP, SCTP or DCCP with port specification");
  const { value, rest } = wholeBefore(text, 65_535);
  const service = value === undefined ? servicePort(text) : undefined;
  const minPort = value ?? service;
  if (minPort === undefined) throw problem(`Port \`${text}' not valid`);
  if (rest === "" || service !== undefined) return { minPort, maxPort: minPort };
  if (rest.startsWith(":")) throw problem("Invalid port:port syntax - use dash");
  if (!rest.startsWith("-")) throw problem(`Garbage after port value: \`${rest}'`);
  const upper = wholeBefore(rest.slice(1), 65_535);
  const maxPort = upper.value;
  if (maxPort === undefined) throw problem(`Port \`${rest.slice(1)}' not valid`);
  if (maxPort < minPort) throw problem(`Port range \`${rest.slice(1)}' funky`);
  if (upper.rest === "") return { minPort, maxPort };
  if (!withBase || !upper.rest.startsWith("/")) throw problem(`Garbage after port range: \`${upper.rest}'`);
  const base = upper.rest.slice(1);
  const basePort = whole(base, 65_535) ?? servicePort(base);
  if (basePort === undefined) throw problem(`Port \`${base}' not valid`);
  return { minPort, maxPort, basePort };
}
