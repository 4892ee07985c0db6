import type { REJECT_CODES, RejectTarget } from "../../../nodes/kernel/netfilter/targets/reject.ts";
import type { TcpmssTarget } from "../../../nodes/kernel/netfilter/targets/tcpmss.ts";
import type { TtlTarget } from "../../../nodes/kernel/netfilter/targets/ttl.ts";
import { problem } from "../exit.ts";
import type { TargetKind } from "../kind.ts";
import { number, text } from "../option.ts";

type Answer = RejectTarget["with"];
/** Answers, with the short names that they have as well, in the order in which beginnings of names are looked up. */
const ANSWERS: readonly (readonly [Answer, string])[] = [
  ["icmp-net-unreachable", "net-unreach"],
  ["icmp-host-unreachable", "host-unreach"],
  ["icmp-proto-unreachable", "proto-unreach"],
  ["icmp-port-unreachable", "port-unreach"],
  ["icmp-net-prohibited", "net-prohib"],
  ["icmp-host-prohibited", "host-prohib"],
  ["tcp-reset", "tcp-rst"],
  ["icmp-admin-prohibited", "admin-prohib"],
];
const PORT_UNREACHABLE: keyof typeof REJECT_CODES = "icmp-port-unreachable";

/** `-j REJECT`. */
export const reject: TargetKind<"REJECT"> = {
  name: "REJECT",
  options: [{ name: "reject-with", read: parseAnswer }],
  build: (given) => ({ kind: "REJECT", with: given.get<Answer>("reject-with") ?? PORT_UNREACHABLE }),
  list: (spec) => ` reject-with ${spec.with}`,
  save: (spec) => ` --reject-with ${spec.with}`,
};

function parseAnswer(given: string): Answer {
  const word = given.toLowerCase();
  const found = ANSWERS.find(([name, short]) => name.startsWith(word) || short.startsWith(word));
  if (found === undefined) throw problem(`unknown reject type "${given}"`);
  return found[0];
}

/** A segment without its headers cannot be longer. */
const MSS_MAX = 65_515;

/** `-j TCPMSS`. */
export const tcpmss: TargetKind<"TCPMSS"> = {
  name: "TCPMSS",
  options: [
    { name: "set-mss", read: number(0, MSS_MAX), excludes: ["clamp-mss-to-pmtu"] },
    { name: "clamp-mss-to-pmtu", excludes: ["set-mss"] },
  ],
  build(given): TcpmssTarget {
    if (given.has("clamp-mss-to-pmtu")) return { kind: "TCPMSS", clamp: true };
    const mss = given.get<number>("set-mss");
    if (mss === undefined) throw problem("TCPMSS target: At least one parameter is required");
    return { kind: "TCPMSS", mss };
  },
  list: (spec) => ("mss" in spec ? ` TCPMSS set ${spec.mss}` : " TCPMSS clamp to PMTU"),
  save: (spec) => ("mss" in spec ? ` --set-mss ${spec.mss}` : " --clamp-mss-to-pmtu"),
};

const TTL_OPS = { set: "set to", dec: "decrement by", inc: "increment by" } as const;
type TtlOp = TtlTarget["op"];
const ttlOption = (op: TtlOp, min: number) => ({
  name: `ttl-${op}`,
  id: op,
  read: number(min, 255),
  excludes: (Object.keys(TTL_OPS) as TtlOp[]).filter((other) => other !== op),
});

/** `-j TTL`. */
export const ttl: TargetKind<"TTL"> = {
  name: "TTL",
  options: [ttlOption("set", 0), ttlOption("dec", 1), ttlOption("inc", 1)],
  build(given) {
    const op = (Object.keys(TTL_OPS) as TtlOp[]).find((each) => given.has(each));
    if (op === undefined) throw problem("TTL: You must specify an action");
    return { kind: "TTL", op, value: given.get<number>(op) ?? 0 };
  },
  list: (spec) => ` TTL ${TTL_OPS[spec.op]} ${spec.value}`,
  save: (spec) => ` --ttl-${spec.op} ${spec.value}`,
};

/** `-j NOTRACK`: the kernel has it as a kind of CT, and `-L` shows it so. */
export const notrack: TargetKind<"NOTRACK"> = {
  name: "NOTRACK",
  listName: "CT",
  options: [],
  build: () => ({ kind: "NOTRACK" }),
  list: () => " NOTRACK",
  save: () => "",
};

const HELPER_MAX = 15;

/** `-j CT`. */
export const ct: TargetKind<"CT"> = {
  name: "CT",
  options: [{ name: "notrack" }, { name: "helper", read: text(HELPER_MAX) }],
  build(given) {
    const helper = given.get<string>("helper");
    return { kind: "CT", ...(given.has("notrack") && { notrack: true }), ...(helper !== undefined && { helper }) };
  },
  list: (spec) =>
    ` CT${spec.notrack === true ? " notrack" : ""}${spec.helper === undefined ? "" : ` helper ${spec.helper}`}`,
  save: (spec) =>
    (spec.notrack === true ? " --notrack" : "") + (spec.helper === undefined ? "" : ` --helper ${spec.helper}`),
};
