import { Sfq, type SfqOptions } from "../../../nodes/kernel/tc/sfq.ts";
import type { Args } from "../../ip/args.ts";
import { illegal, notBuilt } from "../context.ts";
import { formatSize, parseSigned, parseSize, parseUnsigned } from "../units.ts";
import type { QdiscKind } from "./kind.ts";

const USAGE = [
  "Usage: ... sfq	[ limit NUMBER ] [ perturb SECS ] [ quantum BYTES ]",
  "		[ divisor NUMBER ] [ flows NUMBER] [ depth NUMBER ] [ headdrop ]",
].join("\n");

const RED = ["redflowlimit", "min", "max", "burst", "avpkt", "probability", "ecn", "harddrop"];

function fail(why: string): never {
  throw illegal(why);
}
const number = (args: Args, option: string): number => parseUnsigned(args.next(), 0) ?? fail(`Illegal "${option}"`);

/** tc/q_sfq.c. */
export const sfq: QdiscKind = {
  parse(args) {
    const o: { -readonly [K in keyof SfqOptions]: SfqOptions[K] } = {};
    for (; args.more; args.step()) {
      if (args.is("quantum")) o.quantum = parseSize(args.next()) ?? fail('Illegal "limit"');
      else if (args.is("perturb")) o.perturb = parseSigned(args.next()) ?? fail('Illegal "perturb"');
      else if (args.is("limit")) {
        o.limit = number(args, "limit");
        if (o.limit < 2) throw illegal('Illegal "limit", must be > 1');
      } else if (args.is("divisor")) o.divisor = number(args, "divisor");
      else if (args.is("flows")) o.flows = number(args, "flows");
      else if (args.is("depth")) o.depth = number(args, "flows");
      else if (args.is("headdrop")) o.headdrop = true;
      else if (args.is(...RED)) throw notBuilt(`sfq ${args.word}`);
      else if (args.is("help")) throw illegal(USAGE);
      else throw illegal(`What is "${args.word}"?`, USAGE);
    }
    if (o.perturb !== undefined && o.perturb < 0) throw illegal('Illegal "perturb"');
    return Object.keys(o).length === 0 ? { kind: "sfq" } : { kind: "sfq", options: { perturb: 0, ...o } };
  },
  print(qdisc, { out, options }) {
    if (!(qdisc instanceof Sfq)) return;
    out.put("limit", qdisc.limit, `limit ${qdisc.limit}p `);
    out.put("quantum", qdisc.quantum, `quantum ${formatSize(qdisc.quantum)} `);
    out.put("depth", qdisc.depth, `depth ${qdisc.depth} `);
    if (qdisc.headdrop) out.put("headdrop", true, "headdrop ");
    if (options.details) out.put("flows", qdisc.flows, `flows ${qdisc.flows} `);
    out.put("divisor", qdisc.divisor, `divisor ${qdisc.divisor} `);
    if (qdisc.perturb > 0) out.put("perturb", qdisc.perturb, `perturb ${qdisc.perturb}sec `);
  },
  printClass() {},
};
