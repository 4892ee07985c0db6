import { formatIp } from "../../../core/addr.ts";
import type {
  ConntrackMatch,
  CtState,
  CtStatus,
  StateMatch,
} from "../../../nodes/kernel/netfilter/matches/conntrack.ts";
import type { PortRange } from "../../../nodes/kernel/netfilter/matches/tcpudp.ts";
import type { AddressSpec } from "../../../nodes/kernel/netfilter/rule.ts";
import { hostOf, listAddress, parseMask } from "../addresses.ts";
import { problem } from "../exit.ts";
import { type MatchKind, not } from "../kind.ts";
import { maskSuffix, whole } from "../numbers.ts";
import { type Option, range } from "../option.ts";
import { portsText } from "../ports.ts";
import { parseProtocol } from "../protocols.ts";
import { servicePort } from "../services.ts";

const STATES: readonly CtState[] = ["INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT"];
const PLAIN_STATES = ["INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED"] as const;
const STATUSES: readonly CtStatus[] = ["EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED"];
const ADDRESSES = ["origsrc", "origdst", "replsrc", "repldst"] as const;
const PORTS = ["origsrcport", "origdstport", "replsrcport", "repldstport"] as const;

/** Names with commas between them, each as much of it as tells it from the others before it; in the order of `names`. */
function parseNames<T extends string>(text: string, names: readonly T[], what: string): readonly T[] {
  const parts = text.split(",");
  const found = parts.map((part, i) => {
    const name = part === "" ? undefined : names.find((n) => n.startsWith(part.toUpperCase()));
    if (name === undefined) throw problem(`Bad ${what} "${parts.slice(i).join(",")}"`);
    return name;
  });
  return names.filter((name) => found.includes(name));
}

/** `-m state`. */
export const state: MatchKind<"state"> = {
  name: "state",
  options: [{ name: "state", must: true, invert: true, read: (text) => parseNames(text, PLAIN_STATES, "state") }],
  build: (given) => ({
    kind: "state",
    states: given.get<StateMatch["states"]>("state") ?? [],
    ...given.not("state"),
  }),
  list: (spec) => ` ${not(spec)}state ${spec.states.join(",")}`,
  save: (spec) => ` ${not(spec)}--state ${spec.states.join(",")}`,
};

/** `-m conntrack`. */
export const conntrack: MatchKind<"conntrack"> = {
  name: "conntrack",
  options: [
    { name: "ctstate", invert: true, read: (text) => parseNames(text, STATES, "ctstate") },
    { name: "ctproto", invert: true, read: parseProtocol },
    ...ADDRESSES.map((name): Option => ({ name: `ct${name}`, invert: true, read: parseHost })),
    { name: "ctstatus", invert: true, read: parseStatuses },
    { name: "ctexpire", invert: true, read: range(0xffff_ffff) },
    ...PORTS.map((name): Option => ({ name: `ct${name}`, invert: true, read: parsePorts })),
    { name: "ctdir", read: parseDirection },
  ],
  build(given) {
    if (given.empty) throw problem("conntrack: At least one option is required");
    const spec: { -readonly [K in keyof ConntrackMatch]: ConntrackMatch[K] } = { kind: "conntrack" };
    const states = given.get<readonly CtState[]>("ctstate");
    if (states !== undefined) spec.state = { states, ...given.not("ctstate") };
    const number = given.get<number>("ctproto");
    if (number === 0 && given.inverted("ctproto")) throw problem("conntrack: rule would never match protocol");
    if (number !== undefined) spec.protocol = { number, ...given.not("ctproto") };
    for (const name of ADDRESSES) {
      const address = given.get<AddressSpec>(`ct${name}`);
      if (address !== undefined) spec[name] = { ...address, ...given.not(`ct${name}`) };
    }
    for (const name of PORTS) {
      const ports = given.get<PortRange>(`ct${name}`);
      if (ports !== undefined) spec[name] = { ...ports, ...given.not(`ct${name}`) };
    }
    const statuses = given.get<readonly CtStatus[]>("ctstatus");
    if (statuses !== undefined) spec.status = { statuses, ...given.not("ctstatus") };
    const expire = given.get<{ min: number; max: number }>("ctexpire");
    if (expire !== undefined) spec.expire = { ...expire, ...given.not("ctexpire") };
    const direction = given.get<"ORIGINAL" | "REPLY">("ctdir");
    if (direction !== undefined) spec.direction = direction;
    return spec;
  },
  list: (spec, { numeric }) => describe(spec, "", (address) => listAddress(address, numeric)),
  save: (spec) => describe(spec, "--", (address) => formatIp(address.address) + maskSuffix(address.mask)),
};

/** extensions/libxt_conntrack.c:conntrack_dump. */
function describe(spec: ConntrackMatch, dash: string, address: (spec: AddressSpec) => string): string {
  const parts: string[] = [];
  const add = (part: { readonly invert?: boolean } | undefined, name: string, text: () => string): void => {
    if (part !== undefined) parts.push(` ${not(part)}${dash}ct${name} ${text()}`);
  };
  const { state, protocol, status, expire } = spec;
  add(state, "state", () => state?.states.join(",") ?? "");
  add(protocol, "proto", () => String(protocol?.number));
  for (const name of ADDRESSES) add(spec[name], name, () => address(spec[name] as AddressSpec));
  for (const name of PORTS) add(spec[name], name, () => portsText(spec[name] as PortRange));
  add(status, "status", () => status?.statuses.join(",") || "NONE");
  add(expire, "expire", () => (expire?.min === expire?.max ? String(expire?.min) : `${expire?.min}:${expire?.max}`));
  if (spec.direction !== undefined) parts.push(` ${dash}ctdir ${spec.direction}`);
  return parts.join("");
}

/** `address[/mask]`; the address is kept as it was given. */
function parseHost(text: string): AddressSpec {
  const slash = text.indexOf("/");
  if (slash < 0) return { address: hostOf(text), mask: 0xffff_ffff };
  return { address: hostOf(text.slice(0, slash)), mask: parseMask(text.slice(slash + 1)) };
}

function parseStatuses(text: string): readonly CtStatus[] {
  const statuses = parseNames<CtStatus>(text, ["NONE", ...STATUSES], "ctstatus").filter((name) => name !== "NONE");
  return statuses.length === 0 ? ["NONE"] : statuses;
}

function parsePorts(text: string): PortRange {
  const parts = text.split(":");
  const ports = parts.map((part, i) => {
    if (part === "" && parts.length > 1) return i === 0 ? 0 : 65_535;
    const port = whole(part, 65_535) ?? servicePort(part);
    if (port === undefined) throw problem(`Port "${part}" does not resolve to anything.\n`);
    return port;
  });
  const [low = 0, high = low] = ports;
  return { low, high };
}

function parseDirection(text: string): "ORIGINAL" | "REPLY" {
  const upper = text.toUpperCase();
  if (upper !== "ORIGINAL" && upper !== "REPLY") throw problem(`conntrack: Bad value for "--ctdir" option: "${text}"`);
  return upper;
}
