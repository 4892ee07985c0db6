import type { MultiportMatch } from "../../../nodes/kernel/netfilter/matches/multiport.ts";
import { problem } from "../exit.ts";
import { type MatchKind, not } from "../kind.ts";
import type { At, Option } from "../option.ts";
import { listPort, parsePort, portsText } from "../ports.ts";

const PLACES_MAX = 15;
const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [6, "tcp"],
  [17, "udp"],
  [33, "dccp"],
  [132, "sctp"],
  [136, "udplite"],
]);
const ENDS = { source: "sports", destination: "dports", either: "ports" } as const;
type End = keyof typeof ENDS;

const option = (name: string, id: End): Option => ({
  name,
  id,
  invert: true,
  read: parsePorts,
  excludes: (Object.keys(ENDS) as End[]).filter((end) => end !== id),
});

/** `-m multiport`. */
export const multiport: MatchKind<"multiport"> = {
  name: "multiport",
  options: [
    option("source-ports", "source"),
    option("sports", "source"),
    option("destination-ports", "destination"),
    option("dports", "destination"),
    option("ports", "either"),
  ],
  build(given) {
    const ends = (Object.keys(ENDS) as End[]).find((end) => given.has(end));
    if (ends === undefined) throw problem("multiport expection an option");
    const ports = given.get<MultiportMatch["ports"]>(ends) ?? [];
    return { kind: "multiport", ends, ports, ...given.not(ends) };
  },
  list(spec, style, rule) {
    const protocol = PROTOCOLS.get(rule.protocol?.number ?? 0) ?? "";
    const ports = spec.ports.map(({ low, high }) => {
      const first = listPort(low, style, protocol);
      return low === high ? first : `${first}:${listPort(high, style, protocol)}`;
    });
    return ` multiport ${ENDS[spec.ends]} ${spec.invert === true ? " !" : ""}${ports.join(",")}`;
  },
  save: (spec) => ` ${not(spec)}--${ENDS[spec.ends]} ${spec.ports.map(portsText).join(",")}`,
};

/** extensions/libxt_multiport.c:parse_multi_ports_v1. */
function parsePorts(text: string, at: At): MultiportMatch["ports"] {
  const protocol = PROTOCOLS.get(at.protocol);
  if (at.protocol === 0) throw problem("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'");
  if (protocol === undefined || at.protocolInverted)
    throw problem("multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP");
  let places = 0;
  const ports = text.split(",").map((part) => {
    const colon = part.indexOf(":");
    places += colon < 0 ? 1 : 2;
    if (places > PLACES_MAX) throw problem("too many ports specified");
    const low = parsePort(colon < 0 ? part : part.slice(0, colon), protocol);
    const high = colon < 0 ? low : parsePort(part.slice(colon + 1), protocol);
    if (colon >= 0 && low >= high) throw problem("invalid portrange specified");
    return { low, high };
  });
  return ports;
}
