import { IPPROTO_GRE, IPPROTO_ICMP, IPPROTO_OSPF, IPPROTO_TCP, IPPROTO_UDP } from "../../protocols/ipv4/wire.ts";

/** A field of a tuple that an option may name. */
export type TupleField =
  | "sport"
  | "dport"
  | "replySport"
  | "replyDport"
  | "type"
  | "code"
  | "id"
  | "srckey"
  | "dstkey"
  | "replySrckey"
  | "replyDstkey"
  | "state";

/** What conntrack knows of a transport protocol: its own options, and which of them an entry cannot be without. */
export interface ProtocolWords {
  readonly number: number;
  /** Long options, every one with a value, and the field that each is about. */
  readonly options: Readonly<Record<string, TupleField>>;
  /** Options that must come together, for entries that are made or looked for. */
  readonly together: readonly (readonly [TupleField, TupleField])[];
  /** Fields that an entry that is made must have, and by which options. */
  readonly needed: readonly (readonly [TupleField, string])[];
}

const PORTS = {
  "orig-port-src": "sport",
  "orig-port-dst": "dport",
  "reply-port-src": "replySport",
  "reply-port-dst": "replyDport",
  sport: "sport",
  dport: "dport",
} as const;
const UDP: ProtocolWords = { number: IPPROTO_UDP, options: PORTS, together: [["sport", "dport"]], needed: [] };
const TCP: ProtocolWords = {
  number: IPPROTO_TCP,
  options: { ...PORTS, state: "state" },
  together: [["sport", "dport"]],
  needed: [["state", "state"]],
};
const ICMP: ProtocolWords = {
  number: IPPROTO_ICMP,
  options: { "icmp-type": "type", "icmp-code": "code", "icmp-id": "id" },
  together: [],
  needed: [
    ["type", "icmp-type"],
    ["code", "icmp-code"],
  ],
};
const GRE: ProtocolWords = {
  number: IPPROTO_GRE,
  options: {
    "orig-key-src": "srckey",
    "orig-key-dst": "dstkey",
    "reply-key-src": "replySrckey",
    "reply-key-dst": "replyDstkey",
    srckey: "srckey",
    dstkey: "dstkey",
  },
  together: [["srckey", "dstkey"]],
  needed: [],
};
const KNOWN: Readonly<Record<string, ProtocolWords>> = { tcp: TCP, udp: UDP, icmp: ICMP, gre: GRE };

/** Further names of /etc/protocols. */
const NAMES: Readonly<Record<string, number>> = {
  igmp: 2,
  ipencap: 4,
  egp: 8,
  dccp: 33,
  ipv6: 41,
  esp: 50,
  ah: 51,
  eigrp: 88,
  ospf: IPPROTO_OSPF,
  pim: 103,
  vrrp: 112,
  l2tp: 115,
  sctp: 132,
  udplite: 136,
};

/** A protocol by name, in small or capital letters, or number; undefined: there is none. */
export function protocolNamed(word: string): ProtocolWords | undefined {
  const name = word === word.toUpperCase() ? word.toLowerCase() : word;
  const known = KNOWN[name];
  if (known !== undefined) return known;
  const number = NAMES[name] ?? Number.parseInt(word, 10);
  if (!(number > 0 && number <= 255)) return undefined;
  return Object.values(KNOWN).find((p) => p.number === number) ?? { number, options: {}, together: [], needed: [] };
}
