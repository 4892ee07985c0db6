import type { PortRange, TcpMatch } from "../../../nodes/kernel/netfilter/matches/tcpudp.ts";
import { problem } from "../exit.ts";
import { bang, type MatchKind, not } from "../kind.ts";
import { whole } from "../numbers.ts";
import type { Given, Option } from "../option.ts";
import { listPorts, parsePortRange, parsePortsAnywhere, portsText } from "../ports.ts";

const FLAG_NAMES = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"] as const;
const SYN = 0x02;
const SYN_MASK = 0x17;
const ALL = 0x3f;

const portOptions = (protocol: string): readonly Option[] =>
  (["source", "destination"] as const).flatMap((end) => {
    const id = end === "source" ? "sport" : "dport";
    const read = (text: string): unknown => parsePortRange(text, protocol);
    const twice = `Only one \`--${end}-port' allowed`;
    return [`${end}-port`, id].map((name) => ({ name, id, read, twice, invert: true }));
  });

/** Every port, and no `!` before it: nothing is asked. */
const isAny = (range: PortRange): boolean => range.low === 0 && range.high === 65_535 && range.invert !== true;

function portsOf(given: Given): { sport?: PortRange; dport?: PortRange } {
  const ports: { sport?: PortRange; dport?: PortRange } = {};
  for (const id of ["sport", "dport"] as const) {
    const range = given.get<PortRange>(id);
    if (range === undefined) continue;
    const whole = { ...range, ...given.not(id) };
    if (!isAny(whole)) ports[id] = whole;
  }
  return ports;
}

const savePorts = (spec: { readonly sport?: PortRange; readonly dport?: PortRange }): string =>
  (["sport", "dport"] as const)
    .map((id) => {
      const range = spec[id];
      return range === undefined ? "" : ` ${not(range)}--${id} ${portsText(range)}`;
    })
    .join("");

/** `-m tcp`. */
export const tcp: MatchKind<"tcp"> = {
  name: "tcp",
  options: [
    ...portOptions("tcp"),
    { name: "syn", id: "flags", invert: true, twice: "Only one of `--syn' or `--tcp-flags'  allowed" },
    {
      name: "tcp-flags",
      id: "flags",
      invert: true,
      twice: "Only one of `--syn' or `--tcp-flags'  allowed",
      read(text, at) {
        const comp = at.next();
        if (comp === undefined) throw problem("--tcp-flags requires two args.");
        return { mask: parseFlags(text), comp: parseFlags(comp) };
      },
    },
    {
      name: "tcp-option",
      invert: true,
      twice: "Only one `--tcp-option' allowed",
      read(text) {
        const number = whole(text, 255);
        if (number === undefined || number === 0) throw problem(`Bad TCP option "${text}"`);
        return number;
      },
    },
  ],
  build(given) {
    const flags = given.get<{ mask: number; comp: number }>("flags") ?? { mask: SYN_MASK, comp: SYN };
    const option = given.get<number>("tcp-option");
    const asksFlags = given.has("flags") && (flags.mask !== 0 || flags.comp !== 0 || given.inverted("flags"));
    return {
      kind: "tcp",
      ...portsOf(given),
      ...(asksFlags && { flags: { ...flags, ...given.not("flags") } }),
      ...(option !== undefined && { option: { number: option, ...given.not("tcp-option") } }),
    };
  },
  fits(spec, rule) {
    const asks = spec.sport ?? spec.dport ?? spec.flags;
    if (asks !== undefined && spec.option === undefined && rule.protocol?.number !== 6)
      throw problem("TCP match requires '-p tcp'");
  },
  list(spec, style) {
    const { flags, option } = spec;
    const optionText = option === undefined ? "" : ` option=${bang(option)}${option.number}`;
    return ` tcp${listPorts("spt", spec.sport, style, "tcp")}${listPorts("dpt", spec.dport, style, "tcp")}${optionText}${
      flags === undefined ? "" : ` flags:${bang(flags)}${style.numeric ? hexFlags(flags) : flagNames(flags, "/")}`
    }`;
  },
  save(spec) {
    const { flags, option } = spec;
    const optionText = option === undefined ? "" : ` ${not(option)}--tcp-option ${option.number}`;
    const flagsText = flags === undefined ? "" : ` ${not(flags)}--tcp-flags ${flagNames(flags, " ")}`;
    return savePorts(spec) + optionText + flagsText;
  },
};

/** `-m udp`. */
export const udp: MatchKind<"udp"> = {
  name: "udp",
  options: portOptions("udp").map(({ twice: _, ...option }) => ({ ...option, read: parsePortsAnywhere })),
  build: (given) => ({ kind: "udp", ...portsOf(given) }),
  fits(spec, rule) {
    if ((spec.sport ?? spec.dport) !== undefined && rule.protocol?.number !== 17)
      throw problem("UDP match requires '-p udp'");
  },
  list: (spec, style) =>
    ` udp${listPorts("spt", spec.sport, style, "udp")}${listPorts("dpt", spec.dport, style, "udp")}`,
  save: savePorts,
};

function parseFlags(text: string): number {
  let bits = 0;
  for (const name of text.split(",").filter((n) => n !== "")) {
    const upper = name.toUpperCase();
    const at = (FLAG_NAMES as readonly string[]).indexOf(upper);
    if (at >= 0) bits |= 1 << at;
    else if (upper === "ALL") bits |= ALL;
    else if (upper !== "NONE") throw problem(`Unknown TCP flag \`${name}'`);
  }
  return bits;
}

type Flags = NonNullable<TcpMatch["flags"]>;

const namesOf = (bits: number): string => FLAG_NAMES.filter((_, i) => (bits & (1 << i)) !== 0).join(",") || "NONE";
const flagNames = (flags: Flags, between: string): string => `${namesOf(flags.mask)}${between}${namesOf(flags.comp)}`;
const hexFlags = (flags: Flags): string =>
  [flags.mask, flags.comp].map((bits) => `0x${bits.toString(16).toUpperCase().padStart(2, "0")}`).join("/");
