import { formatIp } from "../../../core/addr.ts";
import type {
  ConntrackMatch,
  CtState,
  CtStatus,
  StateMatch,
} from "../../../nodes/kernel/netfilter/matches/conntrack.ts";
import type { PortRange } from "../../../nodes/kernel/netfilter/matches/tcpudp.ts";
import type { AddressSpec } from "../../../nodes/kernel/netfilter/rule.ts";
import { anyAddress, hostName, maskIn } from "../addresses.ts";
import { problem } from "../exit.ts";
import { type MatchKind, not } from "../kind.ts";
import { maskSuffix } from "../numbers.ts";
import { type At, type Option, range } from "../option.ts";
import { parsePortsAnywhere, portsText } from "../ports.ts";
import { parseProtocol } from "../protocols.ts";

const STATES: readonly CtState[] = ["INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT"];
const PLAIN_STATES = ["INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED"] as const;
const STATUSES: readonly CtStatus[] = ["EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED"];
const ADDRESSES = ["origsrc", "origdst", "replsrc", "repldst"] as const;
const PORTS = ["origsrcport", "origdstport", "replsrcport", "repldstport"] as const;

/** Names with commas between them, each as much of it as tells it from the others before it; in the order of `names`. */
function parseNames<T extends string>(text: string, names: readonly T[], what: string): readonly T[] {
  const parts = text.split(",");
  if (text === "" && what === "state")
    throw problem(`"--state" requires a list of states with no spaces, e.g. ESTABLISHED,RELATED`);
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
    { name: "ctproto", invert: true, read: (text) => parseProtocol(text.toLowerCase()) },
    ...ADDRESSES.map((name): Option => ({ name: `ct${name}`, invert: true, read: parseHost })),
    { name: "ctstatus", invert: true, read: parseStatuses },
    { name: "ctexpire", invert: true, read: range(0xffff_ffff) },
    ...PORTS.map((name): Option => ({ name: `ct${name}`, invert: true, read: parsePortsAnywhere })),
    { name: "ctdir", read: parseDirection },
  ],
  build(given) {
    if (given.empty) throw problem("conntrack: At least one option is required");
    const spec: { -readonly [K in keyof ConntrackMatch]: ConntrackMatch[K] } = { kind: "conntrack" };
    const states = given.get<readonly CtState[]>("ctstate");
    if (states !== undefined) spec.state = { states, ...given.not("ctstate") };
    const number = given.get<number>("ctproto");
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
  list: (spec, { numeric }) => describe(spec, "", (a) => hostName(a.address, numeric) + maskSuffix(a.mask)),
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
function parseHost(text: string, at: At): AddressSpec {
  const slash = text.indexOf("/");
  const address = anyAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) throw problem("getaddrinfo: Name or service not known\n");
  if (slash < 0) return { address, mask: 0xffff_ffff };
  const mask = maskIn(text.slice(slash + 1));
  if (mask === undefined)
    throw problem(
      `${at.extension}: bad value for option "--${at.option}", neither a valid network mask nor valid CIDR (0-32).\n`,
    );
  return { address, mask };
}

function parseStatuses(text: string): readonly CtStatus[] {
  const statuses = parseNames<CtStatus>(text, ["NONE", ...STATUSES], "ctstatus").filter((name) => name !== "NONE");
  return statuses.length === 0 ? ["NONE"] : statuses;
}

function parseDirection(text: string): "ORIGINAL" | "REPLY" {
  const upper = text.toUpperCase();
  if (upper !== "ORIGINAL" && upper !== "REPLY") throw problem(`conntrack: Bad value for "--ctdir" option: "${text}"`);
  return upper;
}
