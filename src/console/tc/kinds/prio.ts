import { PfifoFast } from "../../../nodes/kernel/tc/pfifo-fast.ts";
import { PRIO_DEFAULTS, Prio } from "../../../nodes/kernel/tc/prio.ts";
import { illegal, notBuilt, type Tc } from "../context.ts";
import { parseSigned, parseUnsigned } from "../units.ts";
import type { QdiscKind } from "./kind.ts";

const USAGE = "Usage: ... prio bands NUMBER priomap P1 P2...";

/** Prints bands and their priorities: also those that a card's default queue has. */
export function printBands({ out }: Tc, bands: number, priomap: readonly number[]): void {
  out.put("bands", bands, `bands ${bands} `);
  out.array("priomap", "priomap");
  for (const band of priomap) out.item(band, ` ${band}`);
  out.endArray();
  out.field("multiqueue", false);
}

/** tc/q_prio.c. */
export const prio: QdiscKind = {
  parse(args) {
    let { bands } = PRIO_DEFAULTS;
    const priomap = [...PRIO_DEFAULTS.priomap];
    let at = -1;
    for (; args.more; args.step()) {
      if (args.is("bands")) bands = parseSigned(args.next()) ?? fail('Illegal "bands"');
      else if (args.is("priomap")) {
        if (at >= 0) throw illegal("Error: duplicate priomap");
        at = 0;
      } else if (args.is("multiqueue")) throw notBuilt("prio multiqueue");
      else if (args.is("help")) throw illegal(USAGE);
      else if (at < 0) throw illegal(`What is "${args.word}"?`, USAGE);
      else {
        const band = parseUnsigned(args.word, 10) ?? fail('Illegal "priomap" element');
        if (band >= bands) throw illegal('"priomap" element is out of bands');
        if (at >= priomap.length) throw illegal('"priomap" index > TC_PRIO_MAX=15');
        priomap[at++] = band;
      }
    }
    return { kind: "prio", options: { bands, priomap } };
  },
  print(qdisc, tc) {
    if (qdisc instanceof Prio) printBands(tc, qdisc.bands, qdisc.priomap);
  },
  printClass() {},
};

function fail(why: string): never {
  throw illegal(why);
}

export const pfifoFast: QdiscKind = {
  parse() {
    return { kind: "pfifo_fast" };
  },
  print(qdisc, tc) {
    if (qdisc instanceof PfifoFast) printBands(tc, qdisc.bands, qdisc.priomap);
  },
};
