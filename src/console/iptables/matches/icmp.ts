import type { IcmpMatch } from "../../../nodes/kernel/netfilter/matches/icmp.ts";
import { problem } from "../exit.ts";
import { bang, type MatchKind, not } from "../kind.ts";
import { whole } from "../numbers.ts";

type IcmpName = readonly [name: string, type: number, codeLow: number, codeHigh: number];
const every = (name: string, type: number): IcmpName => [name, type, 0, 255];
const coded = (type: number, names: readonly (string | undefined)[]): IcmpName[] =>
  names.flatMap((name, code) => (name === undefined ? [] : [[name, type, code, code] as const]));

/** What `--icmp-type` knows by name, aliases behind the name that is listed (libxtables' `icmp_codes`). */
const NAMES: readonly IcmpName[] = [
  every("any", 255),
  every("echo-reply", 0),
  every("pong", 0),
  every("destination-unreachable", 3),
  ...coded(3, [
    "network-unreachable",
    "host-unreachable",
    "protocol-unreachable",
    "port-unreachable",
    "fragmentation-needed",
    "source-route-failed",
    "network-unknown",
    "host-unknown",
    undefined,
    "network-prohibited",
    "host-prohibited",
    "TOS-network-unreachable",
    "TOS-host-unreachable",
    "communication-prohibited",
    "host-precedence-violation",
    "precedence-cutoff",
  ]),
  every("source-quench", 4),
  every("redirect", 5),
  ...coded(5, ["network-redirect", "host-redirect", "TOS-network-redirect", "TOS-host-redirect"]),
  every("echo-request", 8),
  every("ping", 8),
  every("router-advertisement", 9),
  every("router-solicitation", 10),
  every("time-exceeded", 11),
  every("ttl-exceeded", 11),
  ...coded(11, ["ttl-zero-during-transit", "ttl-zero-during-reassembly"]),
  every("parameter-problem", 12),
  ...coded(12, ["ip-header-bad", "required-option-missing"]),
  every("timestamp-request", 13),
  every("timestamp-reply", 14),
  every("address-mask-request", 17),
  every("address-mask-reply", 18),
];

/** `-m icmp`. */
export const icmp: MatchKind<"icmp"> = {
  name: "icmp",
  options: [{ name: "icmp-type", must: true, invert: true, read: parseType }],
  build: (given) => ({
    kind: "icmp",
    ...(given.get<Omit<IcmpMatch, "kind">>("icmp-type") as Omit<IcmpMatch, "kind">),
    ...given.not("icmp-type"),
  }),
  list(spec, { numeric }) {
    const { type, codeLow, codeHigh } = spec;
    const named = NAMES.find(([, t, low, high]) => t === type && low === codeLow && high === codeHigh);
    if (!numeric && named !== undefined) return ` icmp ${bang(spec)}${named[0]}`;
    const code = codeLow === codeHigh ? ` code ${codeLow}` : "";
    return ` icmp${spec.invert === true ? " !" : ""}type ${type}${code}`;
  },
  save(spec) {
    const code = spec.codeLow === spec.codeHigh ? `/${spec.codeLow}` : "";
    return ` ${not(spec)}--icmp-type ${spec.type === 255 ? "any" : `${spec.type}${code}`}`;
  },
};

/** A name, or a beginning that only one name has; or `type[/code]`. */
function parseType(text: string): Omit<IcmpMatch, "kind"> {
  const found = NAMES.filter(([name]) => name.toLowerCase().startsWith(text.toLowerCase()));
  const [first, second] = found;
  if (first !== undefined && second !== undefined)
    throw problem(`Ambiguous ICMP type \`${text}': \`${first[0]}' or \`${second[0]}'?`);
  if (first !== undefined) return { type: first[1], codeLow: first[2], codeHigh: first[3] };
  const slash = text.indexOf("/");
  const number = slash < 0 ? text : text.slice(0, slash);
  const type = whole(number, 255);
  if (type === undefined) throw problem(`Unknown ICMP type \`${text}'`);
  if (slash < 0) return { type, codeLow: 0, codeHigh: 255 };
  const code = whole(text.slice(slash + 1), 255);
  if (code === undefined) throw problem(`Unknown ICMP code \`${text}'`);
  return { type, codeLow: code, codeHigh: code };
}
